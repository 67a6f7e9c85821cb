"""Records of trials, one file each, written whole by the trial itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsmith.config.base import Section, parse
from recsmith.errors import UserError
from recsmith.files import read_json, replacing, write_json
from recsmith.model.record import Record


class Answer(Section):
    """What became of one proposal in one run of a search; the record itself lies in the store."""

    number: int
    key: str
    known: bool
    """Answered from the store, without training."""
    value: float
    """What the tuner is told: the metric; 0 where the trial failed."""
    seconds: float
    epochs: int = 0
    """What it took of a budget of epochs."""
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Store:
    """The finished and failed trials of one budget, under ``folder``."""

    folder: Path

    def _path(self, key: str) -> Path:
        return self.folder / "trials" / f"{key}.json"

    def load(self, key: str) -> Record | None:
        """The record of that key; None where there is none that can be read."""
        path = self._path(key)
        if not path.exists():
            return None
        try:
            return parse(read_json(path), Record, str(path))
        except UserError:
            path.unlink(missing_ok=True)
            return None

    def save(self, record: Record) -> None:
        """Write a record, whole or not at all."""
        write_json(self._path(record.key), record.model_dump(mode="json"))

    def fill(self, records: Iterable[Record]) -> None:
        """Write records that lie safely elsewhere too: nothing waits for the disk."""
        (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        for record in records:
            self._path(record.key).write_text(record.model_dump_json(), encoding="utf-8")

    def save_per_user(self, key: str, values: np.ndarray) -> None:
        """Keep the metric of each drawn valid user beside the record; shapes: values (n,)."""
        path = self._per_user(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside, aside.open("wb") as handle:
            np.save(handle, values.astype(np.float32))

    def per_user(self, key: str) -> np.ndarray | None:
        """What :meth:`save_per_user` wrote, (n,) float32; None where there is nothing that can be read."""
        try:
            return np.load(self._per_user(key))
        except (OSError, ValueError, EOFError):
            return None

    def _per_user(self, key: str) -> Path:
        return self.folder / "per_user" / f"{key}.npy"

    def forget_failures(self) -> int:
        """Remove failed records, so that a new run tries them again; gives how many."""
        names = [path.stem for path in sorted((self.folder / "trials").glob("*.json"))]
        failed = [name for name in names if (record := self.load(name)) is None or record.status == "failed"]
        for name in failed:
            self._path(name).unlink(missing_ok=True)
        return len(failed)


class Start(Section):
    """A trial that has taken its proposal."""

    job: str
    """NNI's name of the process."""
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """The answers of one run of a search, by the number of the proposal."""

    folder: Path

    def begin(self, job: str, parameters: dict[str, Any]) -> None:
        """Leave word of what the process ``job`` works on, for the case that it cannot tell any more."""
        write_json(self.folder / "started" / f"{job}.json", Start(job=job, parameters=parameters).model_dump())

    def begun(self) -> dict[str, dict[str, Any]]:
        """Name of the process -> proposal, of all trials that have started."""
        paths = sorted((self.folder / "started").glob("*.json"))
        starts = [parse(read_json(path), Start, str(path)) for path in paths]
        return {start.job: start.parameters for start in starts}

    def save(self, answer: Answer) -> None:
        """Write an answer, whole or not at all."""
        write_json(self.folder / f"{answer.number}.json", answer.model_dump(mode="json"))

    def load(self, number: int) -> Answer | None:
        """The answer to that proposal; None where there is none yet."""
        path = self.folder / f"{number}.json"
        return parse(read_json(path), Answer, str(path)) if path.exists() else None

    def numbers(self) -> list[int]:
        """Numbers of the proposals that are answered, ascending."""
        return sorted(int(path.stem) for path in self.folder.glob("*.json") if path.stem.isdigit())
