"""NNI's web page: of the search that runs, else of the last one; on loopback only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import psutil
from nni.experiment import Experiment, RunMode, launcher

from recsmith.errors import UserError
from recsmith.search import nni_service
from recsmith.search.nni_service import Say


def running(home: Path) -> str | None:
    """The address of the search that runs in ``home``; None where none does."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if nni_service.serves(words, home) and nni_service.owner_lives(_after("--experiment-id", words)):
            return f"http://localhost:{_after('--port', words)}"
    return None


def _after(name: str, words: list[str]) -> str:
    return words[words.index(name) + 1]


@dataclass(frozen=True)
class Page:
    """NNI's page of a search that is over."""

    address: str
    service: Popen[Any]

    def wait(self) -> None:
        """Return when the page is no more: a new search ends it, whose page takes its place."""
        self.service.wait()


@contextmanager
def last(home: Path, first_port: int, say: Say) -> Iterator[Page]:
    """The page of the last search, served by NNI for as long as the context lasts, and this process lives.

    Raises UserError where no search has left its pages.
    """
    pages = [folder for folder in (home / "experiments").glob("r*") if (folder / "db").is_dir()]
    if not pages:
        raise UserError("no search has run through NNI here, so there is no page to show. Start one: make run.")
    newest = max(pages, key=lambda folder: (folder / "db").stat().st_mtime_ns)
    experiment = _opened(newest, home, nni_service.free_port(first_port, say))
    assert isinstance(experiment._proc, Popen)  # NNI has no public name for it.
    try:
        yield Page(f"http://localhost:{experiment.port}", experiment._proc)
    finally:
        nni_service.stop(experiment)


def _opened(folder: Path, home: Path, port: int) -> Experiment:
    config = launcher.get_stopped_experiment_config(folder.name, folder.parent)
    experiment = Experiment(config, id=folder.name)
    # What Experiment.view does, without the user's own list of experiments.
    experiment._action = "view"
    with nni_service.at_home(home):
        experiment.start(port, debug=False, run_mode=RunMode.Detach)
    return experiment
