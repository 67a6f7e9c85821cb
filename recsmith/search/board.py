"""The live table of a search, redrawn in a terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

SHOWN = 12
"""Finished trials that stay in sight."""
COLUMNS = ("trial", "architecture", "rung", "metric", "best", "seconds")


@dataclass
class Board:
    """Rows of finished and of running trials, and when the search will be over."""

    trials: int
    concurrency: int
    metric: str
    console: Console = field(default_factory=Console)
    rows: deque[tuple[str, ...]] = field(default_factory=lambda: deque(maxlen=SHOWN))
    running: dict[int, tuple[str, float]] = field(default_factory=dict)
    """Number of the proposal -> its architecture, and when it was first seen to run."""
    finished: int = 0
    spent: list[float] = field(default_factory=list)
    """Seconds of the trials that were trained."""

    def __post_init__(self) -> None:
        self.live = Live(console=self.console, get_renderable=self.draw, refresh_per_second=2, transient=False)

    def start(self) -> None:
        """Show it; whatever is printed from now on stands above it."""
        self.live.start()

    def stop(self) -> None:
        """Leave the last picture standing."""
        self.running.clear()
        self.live.stop()

    def take(self, number: int, row: tuple[str, ...], seconds: float | None) -> None:
        """A trial has ended: what stands in its columns, and what it took (None: known before)."""
        self.finished += 1
        self.running.pop(number, None)
        self.rows.append(row)
        self.spent += [] if seconds is None else [seconds]

    def now(self, running: Mapping[int, str]) -> None:
        """What runs, by number of the proposal."""
        since = {number: start for number, (_, start) in self.running.items()}
        self.running = {number: (text, since.get(number, time.monotonic())) for number, text in running.items()}

    def left(self) -> float | None:
        """Seconds until the end, from the mean of the trials so far; None before the first."""
        if not self.spent:
            return None
        mean, waiting = sum(self.spent) / len(self.spent), self.trials - self.finished
        return mean * waiting / max(1, min(self.concurrency, waiting))

    def draw(self) -> Group:
        """Table and foot line."""
        table = Table(COLUMNS[0], box=None, pad_edge=False, expand=True)
        table.add_column(COLUMNS[1], ratio=1, no_wrap=True, overflow="ellipsis")
        for name in COLUMNS[2:]:
            table.add_column(self.metric if name == "metric" else name, justify="right")
        for row in self.rows:
            table.add_row(*map(Text, row))
        for number, (text, start) in sorted(self.running.items()):
            table.add_row(str(number + 1), Text(text), "", "…", "", f"{time.monotonic() - start:.0f}")
        return Group(table, Text(f"{self.finished} of {self.trials} trials, {_eta(self.left())}"))


def _eta(seconds: float | None) -> str:
    if seconds is None:
        return "ETA unknown"
    minutes, rest = divmod(round(seconds), 60)
    return f"ETA {minutes // 60}:{minutes % 60:02}:{rest:02}"
