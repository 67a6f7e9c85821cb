"""A search begins with what papers found good, wherever the space holds it."""

from __future__ import annotations

from pathlib import Path

import pytest
from searches import task, tastes

from recsmith.search.plain import search
from recsmith.search.published import published
from recsmith.search.space import SearchSpace


@pytest.mark.parametrize("strategy", ["random", "tpe", "evolution", "pso"])
def test_published_settings_are_tried_first_and_the_strategy_goes_on_from_them(tmp_path: Path, strategy: str) -> None:
    described = task(tastes(tmp_path / "data"), tmp_path / "work", strategy=strategy, trials=8, published=3)
    first = published(SearchSpace(described.space).tree)[:3]
    found = search(described)
    assert [answer.parameters for answer in found[:3]] == first
    assert len({answer.key for answer in found}) == len(found) == 8


def test_without_them_the_strategy_begins_at_once(tmp_path: Path) -> None:
    described = task(tastes(tmp_path / "data"), tmp_path / "work", strategy="random", trials=3)
    first = published(SearchSpace(described.space).tree)
    assert [answer.parameters for answer in search(described)] != first[:3]
