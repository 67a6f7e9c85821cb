"""How many interactions a step takes where nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest
from searches import task, tastes

from recsmith.search.batch import batch_size
from recsmith.search.task import fit_values


@pytest.mark.parametrize(
    ("n_edges", "expected"),
    [(0, 1024), (1, 1024), (40 * 1024, 1024), (80_000, 2048), (150_000, 4096), (810_128, 16384), (10**9, 16384)],
)
def test_a_batch_is_a_power_of_two_near_a_fortieth_of_the_data(n_edges: int, expected: int) -> None:
    assert batch_size(n_edges) == expected


def test_the_data_decide_only_where_the_parameters_do_not(tmp_path: Path) -> None:
    data = tastes(tmp_path / "data")
    open_, given = (task(data, tmp_path / "work", batch_size=size) for size in (None, 77))
    assert (open_.budget.batch_size, given.budget.batch_size) == (1024, 77)
    assert fit_values(open_)["batch_size"] == 1024
