"""The mirror in Weights & Biases: one run for each stage execution.

Files are the truth: nothing waits for a tracker, nothing is lost without one.
"""

from __future__ import annotations

import importlib
import json
import logging
import netrc
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

PROBE_SECONDS = 2.0
FINISH_SECONDS = 60.0
"""A network that goes in the middle of a run keeps its stage no longer at its end; W&B itself would wait for ever."""
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
        self._mode: Any = None
        self._curves: set[str] = set()
        self._on = os.environ.get("WANDB_MODE") != "disabled"

    @property
    def id(self) -> str | None:
        return self._run.id if self._run is not None else None

    def config(self, values: Mapping[str, Any]) -> None:
        """Parameters, section by section."""
        self._config |= values
        if self._run is not None:
            self._try(lambda run: run.config.update(dict(values), allow_val_change=True))

    def log(self, values: Mapping[str, Any], over: str | None = None) -> None:
        """One step of curves, e.g. ``{"epoch": 3, "loss": 0.4}``, drawn ``over`` one of them where it is named."""
        new = [name for name in values if over and name != over and name not in self._curves]
        self._curves.update(new)
        for name in new:
            self._try(lambda run, name=name: run.define_metric(name, step_metric=over))
        self._try(lambda run: run.log(dict(values)))

    def summary(self, values: Mapping[str, Any]) -> None:
        """Final numbers."""
        self._try(lambda run: run.summary.update(dict(values)))

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table of plain values, e.g. the trials."""
        data = [[value if isinstance(value, int | float | None) else str(value) for value in row] for row in rows]
        self._try(lambda run: run.log({name: _wandb().Table(columns=list(columns), data=data, allow_mixed_types=True)}))

    def scatter(self, name: str, points: Iterable[tuple[float, float]], axes: tuple[str, str], title: str) -> None:
        """A plot of points (x, y); ``axes`` are their names."""
        data = [list(point) for point in points]

        def draw(run: Any) -> None:
            table = _wandb().Table(columns=list(axes), data=data)
            run.log({name: _wandb().plot.scatter(table, *axes, title=title)})

        self._try(draw)

    def trial(self, number: int, config: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """A run of its own for a trial of the search, in the same group: its knobs, and what came of it."""

        def keep(run: Any) -> None:
            own = self._init(self._mode, "trial", f"trial-{number}", config, reinit="create_new")
            own.summary.update(dict(values))
            own.finish(exit_code=0 if values.get("status") == "done" else 1)

        self._try(keep)

    def results(self, md5s: Callable[[], Mapping[str, str]]) -> None:
        """An artifact named after the stage: path and md5 of each result, as dvc.lock holds them. The bytes are DVC's.

        Equal results are the same version of it.
        """

        def keep(run: Any) -> None:
            found = dict(md5s())
            artifact = _wandb().Artifact(self.stage, type="stage", metadata={"md5": found})
            with artifact.new_file("md5.json", encoding="utf-8") as handle:
                json.dump(found, handle, indent=2, sort_keys=True)
            run.log_artifact(artifact)

        self._try(keep)

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
        try:
            return self._begin(mode())
        except _wandb().Error as error:
            if os.environ.get("WANDB_MODE"):
                raise
            print(f"{self.stage}: W&B does not take the run ({error}); kept offline, `make sync` later.", flush=True)
            return self._begin("offline")

    def _begin(self, where: Any) -> Any:
        self._mode = where
        return self._init(where, self.stage, self.stage, self._config)

    def _init(self, where: Any, job_type: str, name: str, config: Mapping[str, Any], **more: Any) -> Any:
        wandb = _wandb()
        settings = wandb.Settings(
            console="off",
            x_disable_stats=True,
            disable_code=True,
            disable_git=True,
            init_timeout=15,
            finish_timeout=FINISH_SECONDS,
            quiet=True,
            silent=where != "online",
        )
        return wandb.init(
            project=os.environ.get("WANDB_PROJECT", "recsmith"),
            group=self.group,
            job_type=job_type,
            name=f"{name}-{self.group}",
            config=dict(config),
            dir=str(self.folder.parent),  # W&B adds a folder ``wandb``
            mode=where,
            settings=settings,
            **more,
        )


def mode() -> Any:
    """``WANDB_MODE``, else online where a key and an answering server are there, else offline."""
    given = os.environ.get("WANDB_MODE")
    if given:
        return given
    address = os.environ.get("WANDB_BASE_URL", HOST)
    return "online" if api_key(urlsplit(address).hostname or "") and _answers(address) else "offline"


def api_key(host: str) -> str | None:
    """The key for a server: WANDB_API_KEY, else what ``wandb login`` wrote to the netrc file."""
    given = os.environ.get("WANDB_API_KEY")
    if given:
        return given
    try:
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return found[2] if found else None


def _answers(address: str) -> bool:
    """Whether HTTP is answered in time, whatever the answer; a server that only accepts would keep stages waiting."""
    try:
        urlopen(address, timeout=PROBE_SECONDS).close()  # nosec B310: the address that W&B itself will ask
    except HTTPError:
        return True
    except (OSError, HTTPException, ValueError):
        return False
    return True


def _wandb() -> Any:
    """The package, imported when it is needed: it costs a second."""
    return importlib.import_module("wandb")
