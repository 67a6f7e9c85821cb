from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from searches import task, tastes

from recsmith.errors import UserError
from recsmith.search import drive
from recsmith.search.strategies import STRATEGIES, able


@pytest.mark.parametrize("name", ["hyperband", "bohb", "enas", "darts", "gumbel_darts", "one_shot_random"])
def test_filters_alone_are_refused_before_the_start_with_the_strategies_that_take_them(
    name: str, tmp_path: Path
) -> None:
    ours = task(tastes(tmp_path / "data"), tmp_path / "work", preset="filters", strategy=name)
    with pytest.raises(UserError, match=rf"search.strategy = '{name}' .* filters only. Take one of random, ") as caught:
        drive.search(ours, tmp_path / "work", print)
    assert not Path(ours.folder).exists()
    assert name not in str(caught.value).partition("Take one of")[2]


@pytest.mark.parametrize("values", [{"preset": "gnn"}, {"preset": "tiny"}])
def test_every_strategy_takes_a_space_with_networks(values: dict[str, Any], tmp_path: Path) -> None:
    data = tastes(tmp_path / "data")
    for name in STRATEGIES:
        drive.check(task(data, tmp_path / "work", strategy=name, **values))


def test_fewer_edges_make_filters_cheaper_so_brackets_take_them(tmp_path: Path) -> None:
    values: dict[str, Any] = {"preset": "filters", "strategy": "hyperband", "rungs": {"cuts": "edges"}}
    drive.check(task(tastes(tmp_path / "data"), tmp_path / "work", **values))


def test_strategies_that_need_no_networks_come_in_the_order_of_the_table() -> None:
    assert able(("filter",))[:2] == ("random", "tpe")
    assert able(("gnn", "filter")) == tuple(STRATEGIES)
