"""The mirror in Weights & Biases: one run for each stage execution.

Files are the truth: nothing waits for a tracker, nothing is lost without one.
"""

from __future__ import annotations

import importlib
import logging
import netrc
import os
from collections.abc import Iterable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

PROBE_SECONDS = 2.0
HOST = "https://api.wandb.ai"


class Track:
    """One W&B run, begun at the first thing that is logged, or at the end.

    ``WANDB_MODE`` decides where it is set; otherwise online with a key and a network, else offline.
    ``id`` is the run's name there, None where tracking is disabled or failed.
    """

    def __init__(self, stage: str, group: str, folder: Path) -> None:
        self.stage, self.group, self.folder = stage, group, folder
        self._config: dict[str, Any] = {}
        self._run: Any = None
        self._on = os.environ.get("WANDB_MODE") != "disabled"

    @property
    def id(self) -> str | None:
        return self._run.id if self._run is not None else None

    def config(self, values: Mapping[str, Any]) -> None:
        """Parameters, section by section."""
        self._config |= values
        if self._run is not None:
            self._try(lambda run: run.config.update(dict(values), allow_val_change=True))

    def log(self, values: Mapping[str, Any]) -> None:
        """One step of curves, e.g. ``{"epoch": 3, "loss": 0.4}``."""
        self._try(lambda run: run.log(dict(values)))

    def summary(self, values: Mapping[str, Any]) -> None:
        """Final numbers."""
        self._try(lambda run: run.summary.update(dict(values)))

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table of plain values, e.g. the trials."""
        data = [[value if isinstance(value, int | float | None) else str(value) for value in row] for row in rows]
        self._try(lambda run: run.log({name: _wandb().Table(columns=list(columns), data=data, allow_mixed_types=True)}))

    def finish(self, *, failed: bool = False) -> None:
        """Close the run (beginning it first where nothing was logged)."""
        self._try(lambda run: run.finish(exit_code=1 if failed else 0))

    def _try(self, action: Any) -> None:
        """Do ``action`` with the run; a tracker that fails is left alone from then on, and said so once."""
        if not self._on:
            return
        try:
            self._run = self._run or self._start()
            action(self._run)
        except (_wandb().Error, OSError, ValueError) as error:
            self._on = False
            print(f"{self.stage}: not mirrored to W&B ({error}); the files are complete.", flush=True)

    def _start(self) -> Any:
        self.folder.mkdir(parents=True, exist_ok=True)
        for variable in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_ARTIFACT_DIR"):
            os.environ.setdefault(variable, str(self.folder.resolve()))
        # W&B keeps a log of its own; where that cannot be written, `_try` says so, and Python need not, line by line.
        logging.raiseExceptions = False
        wandb, where = _wandb(), mode()
        settings = wandb.Settings(
            console="off",
            x_disable_stats=True,
            disable_code=True,
            disable_git=True,
            init_timeout=15,
            quiet=True,
            silent=where != "online",
        )
        return wandb.init(
            project=os.environ.get("WANDB_PROJECT", "recsmith"),
            group=self.group,
            job_type=self.stage,
            name=f"{self.stage}-{self.group}",
            config=self._config,
            dir=str(self.folder.parent),  # W&B adds a folder ``wandb``
            mode=where,
            settings=settings,
        )


def mode() -> Any:
    """``WANDB_MODE``, else online where a key and an answering server are there, else offline."""
    given = os.environ.get("WANDB_MODE")
    if given:
        return given
    address = os.environ.get("WANDB_BASE_URL", HOST)
    return "online" if _has_key(urlsplit(address).hostname or "") and _answers(address) else "offline"


def _has_key(host: str) -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _answers(address: str) -> bool:
    """Whether HTTP is answered in time, whatever the answer; a server that only accepts would keep stages waiting."""
    try:
        urlopen(address, timeout=PROBE_SECONDS).close()
    except HTTPError:
        return True
    except (OSError, HTTPException, ValueError):
        return False
    return True


def _wandb() -> Any:
    """The package, imported when it is needed: it costs a second."""
    return importlib.import_module("wandb")
