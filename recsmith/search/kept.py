"""The best networks of a search as they were fitted, so that they can be blended without being trained again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from recsmith.engine.fit import Fitted
from recsmith.engine.store import load_model, save_model
from recsmith.errors import UserError
from recsmith.graph.graph import Graph

MOST = 3
"""Networks that are kept; each is a table of all users and items."""


@dataclass(frozen=True)
class Kept:
    """Fitted networks under ``folder``, by the key of their record; the value of each is in its name."""

    folder: Path

    def save(self, fitted: Fitted, key: str, value: float, graph: Graph) -> None:
        """Keep ``fitted`` where it is among the best by ``value``; the worst goes."""
        best = self._best()
        if len(best) >= MOST and value <= self._value(best[MOST - 1]):
            return
        save_model(fitted, self.folder / f"{value:.9f}-{key}", graph)
        for path in self._best()[MOST:]:
            shutil.rmtree(path, ignore_errors=True)

    def load(self, key: str, graph: Graph) -> Fitted | None:
        """The network of that key; None where it is not kept, or not whole."""
        try:
            found = next(self.folder.glob(f"*-{key}"), None)
            return None if found is None else load_model(found, graph)
        except UserError:
            return None

    def _best(self) -> list[Path]:
        return sorted(self.folder.glob("[01].*-*"), key=self._value, reverse=True)

    @staticmethod
    def _value(path: Path) -> float:
        return float(path.name.partition("-")[0])
