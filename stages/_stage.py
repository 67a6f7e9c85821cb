"""The frame of every stage: parameters, the side files, plain errors."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from pydantic import BaseModel
from ruamel.yaml import YAML

from recsmith.config.base import Run, parse
from recsmith.config.read import read_sections
from recsmith.errors import UserError, unknown
from recsmith.files import content_md5, remove_asides, write_json
from recsmith.privacy.secrets import blot
from stages._alone import end_with_employers, only_writer, run_id
from stages._resources import limited_threads, peak_memory
from stages._track import Track

STAGES = ("ingest", "validate", "split", "graph", "baseline", "search", "train", "compress", "evaluate", "report")
SECTIONS = ("run", *STAGES, "retrain")
"""Of the parameters; the last is for the nightly flow."""
PARAMS = Path("params.yaml")
DATA = Path("data")
WORK = Path(".work")
SIDE_FILES = ("run.json", "timing.json")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""Of the machine, not of our code: a full or read-only disk, a quota, a limit, a missing permission."""

S = TypeVar("S", bound=BaseModel)


@dataclass
class Context:
    """What a stage is given; paths are relative to the current folder, which holds ``params.yaml``."""

    name: str
    sections: Mapping[str, Any]
    run: Run
    track: Track
    started: float = field(default_factory=time.perf_counter)
    timings: dict[str, Any] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        """The stage's folder of results."""
        return DATA / self.name

    @property
    def work(self) -> Path:
        """The stage's folder for work in progress; outlives a failure."""
        folder = WORK / self.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def section(self, name: str, model: type[S]) -> S:
        """Section ``name`` as ``model``, shown as it will be used (defaults included)."""
        section = self._parsed(name, model)
        values = section.model_dump(mode="json")
        self.say(_yaml({name: values}))
        self.track.config({name: values})
        return section

    def value(self, name: str, model: type[BaseModel], knob: str) -> Any:
        """One knob of another stage's section; ``dvc.yaml`` lists it as ``name.knob``."""
        section = self._parsed(name, model)
        self.say(_yaml({f"{name}.{knob}": section.model_dump(mode="json")[knob]}, flow=True))
        self.track.config({f"{name}.{knob}": getattr(section, knob)})
        return getattr(section, knob)

    def _parsed(self, name: str, model: type[S]) -> S:
        return parse(self.sections.get(name) or {}, model, f"{PARAMS}: {name}")

    def metric(self, name: str, value: float) -> None:
        """One number that sums the stage up; shown and mirrored to the tracker."""
        self.say(f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:.5g}")
        self.track.summary({name: value})

    def timing(self, name: str, value: Any) -> None:
        """A value that varies from run to run (duration, latency, memory); goes to ``timing.json``."""
        self.timings[name] = value

    def say(self, text: str) -> None:
        """Print at once, so that whoever watches the stage sees it live."""
        print(text, flush=True)


def stage(name: str, run: Callable[[Context], None]) -> None:
    """Run one stage and exit: 0, or 1 with a plain message ``NAME: ...`` where something given cannot be used."""
    blot()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        end_with_employers()
        _execute(name, run)
    except UserError as error:
        sys.exit(f"{name}: {error}")
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        sys.exit(f"{name}: {_place(error)}: {error.strerror}. Finished work is kept; mend that, then run again.")
    except KeyboardInterrupt as error:
        print(f"{name}: interrupted; run again to go on.", file=sys.stderr, flush=True)
        sys.exit(143 if error.args else 130)


def _place(error: OSError) -> str:
    return str(error.filename or f"a file below {DATA}, {WORK} or {tempfile.gettempdir()}")


def _terminated(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def _execute(name: str, run: Callable[[Context], None]) -> None:
    sections = known_sections(read_sections(PARAMS))
    settings = parse(sections.get("run") or {}, Run, f"{PARAMS}: run")
    with only_writer(name), limited_threads(settings.threads):
        context = Context(name, sections, settings, Track(name, run_id(), WORK / "wandb"))
        remove_asides(context.out)
        context.say(_yaml({"run": settings.model_dump(mode="json")}))
        context.track.config({"run": settings.model_dump(mode="json")})
        try:
            with peak_memory() as peak:
                run(context)
        except BaseException:
            context.track.finish(failed=True)
            raise
        context.track.results(lambda: _md5s(context.out))
        context.track.finish()
        _side_files(context, peak())


def known_sections(sections: dict[str, Any]) -> dict[str, Any]:
    """``sections`` where each is known; UserError names the first that is not."""
    for name in sections:
        if name not in SECTIONS:
            raise unknown(f"{PARAMS}: section", name, SECTIONS)
    return sections


def _md5s(folder: Path) -> dict[str, str]:
    """Path -> md5 of a stage's results, side files left out: what dvc.lock is going to hold."""
    results = [path for path in sorted(folder.iterdir()) if path.name not in SIDE_FILES and path.name[0] != "."]
    return {path.as_posix(): content_md5(path) for path in results}


def _side_files(context: Context, peak: int) -> None:
    """What varies: who ran it (nothing depends on it) and how long it took (only the report reads it)."""
    run = {"run": context.track.group, "wandb": context.track.id, "flow_run": os.environ.get("RECSMITH_FLOW_RUN")}
    timing = {
        **context.timings,
        "seconds": round(time.perf_counter() - context.started, 3),
        "peak_memory_mb": round(peak / 2**20, 1),
        "threads": context.run.threads,
    }
    write_json(context.out / SIDE_FILES[0], run)
    write_json(context.out / SIDE_FILES[1], timing)
    context.say(f"{context.name}: done in {timing['seconds']:.1f} s, peak memory {timing['peak_memory_mb']:.0f} MB")


def _yaml(value: dict[str, Any], *, flow: bool = False) -> str:
    """``{name: section}`` as YAML: a line a knob, or all in one line."""
    yaml, text = YAML(), StringIO()
    yaml.default_flow_style = True if flow else None
    yaml.width = 10_000
    yaml.dump(value, text)
    written = text.getvalue().rstrip()
    return written[1:-1] if flow else written
