"""Ticks of axes of whole numbers."""

from __future__ import annotations

import pytest

from recsmith.report.charts.style import whole


@pytest.mark.parametrize(("last", "ticks"), [(1, [1]), (3, [1, 2, 3]), (24, [1, *range(2, 25, 2)])])
def test_ticks_are_whole_numbers_each_once(last: int, ticks: list[int]) -> None:
    assert whole(last) == ticks


def test_a_long_axis_has_few_ticks() -> None:
    assert len(whole(1000)) <= 14
