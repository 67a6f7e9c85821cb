"""The table that a session of drills ends with, on the screen and in ``.work/drills.json``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit import Row

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / ".work" / "drills.json"


@pytest.fixture
def note(record_property: Callable[[str, Any], None]) -> Callable[[Row], None]:
    """A function that adds a row to the table; it travels in the test's report, so from other processes too."""
    return lambda row: record_property("hurt", row.values())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    rows = [value for report in reports for name, value in report.user_properties if name == "hurt"]
    if not rows:
        return
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    terminalreporter.section(f"{len(rows)} times hurt ({RECORD.relative_to(ROOT)})")
    for row in rows:
        where = f"{row['drill']:<10} seed {row['seed']:<5} {row['what']:<12} {row['target']:<18} {row['moment']:<22}"
        terminalreporter.write_line(f"{where} {row['outcome']} ({row['seconds']:.1f} s)")
