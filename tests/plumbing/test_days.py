"""Days on command lines."""

from __future__ import annotations

from datetime import date

import pytest

from recsmith.__main__ import main
from recsmith.days import day


def test_a_day_is_read_and_what_is_none_is_told_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert day("2026-01-31") == date(2026, 1, 31)
    with pytest.raises(SystemExit, match="2"):
        main(["events", "take", "--until", "yesterday"])
    assert "'yesterday' is not a day such as 2026-01-31" in capsys.readouterr().err
