"""Finished records of a tuning that may be interrupted; they go once it is complete."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from recsmith.model.record import Record, read_records, write_records


@dataclass(frozen=True)
class Journal:
    """One file a record, named by its key."""

    folder: Path

    def known(self, key: str) -> Record | None:
        """The record of ``key`` where it was finished before."""
        path = self._path(key)
        return read_records(path)[0] if path.exists() else None

    def keep(self, record: Record) -> None:
        """Write ``record`` down."""
        if not self._path(record.key).exists():
            write_records(self._path(record.key), [record])

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"
