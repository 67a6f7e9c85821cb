"""NNI's local service: its own home, a free port, a start that is tried again, a stop that leaves nothing behind."""

from __future__ import annotations

import functools
import getpass
import os
import shlex
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nni
import psutil
import requests
from filelock import FileLock, Timeout
from nni.experiment import Experiment, RunMode, launcher
from nni.experiment.config import CustomAlgorithmConfig, ExperimentConfig, LocalConfig
from nni.experiment.config.training_service import TrainingServiceConfig
from nni.runtime.log import stop_experiment_logging
from nni.tools.nnictl.config_utils import Experiments

import recsmith
from recsmith import guard
from recsmith.errors import UserError
from recsmith.search.space import SearchSpace
from recsmith.search.store import Answers
from recsmith.search.strategies import settings_of, tuner
from recsmith.search.task import Task

PORTS = 20
STARTS = 5
LOCK_SECONDS = 300.0
START_SECONDS = 60
"""How long a start may take; NNI's own 3 seconds are too few on a busy machine, and 20 were for thirty processes on two
cores."""
Say = Callable[[str], None]
CODE = str(Path(recsmith.__file__).resolve().parents[1])
NAMES = ("steady.cjs", "loopback.cjs", "patience.cjs", "nodes.cjs", "page.cjs")
SHIMS = tuple(Path(__file__).with_name(name) for name in NAMES)
"""What NNI's service lacks settings for, loaded into it before its own code."""
LOST = (requests.RequestException, psutil.Error)
"""What is raised when the service does not answer or its process is gone."""


def free_port(first: int, say: Say, many: int = 1) -> int:
    """``first``, or the next of twenty that nobody listens on, nor on the ``many`` - 1 after it; else a UserError."""
    tried = range(first, min(first + PORTS, 65537 - many))
    ports = [port for port in tried if not any(_busy(one) for one in range(port, port + many))]
    if not ports:
        last = min(first + PORTS, 65536) - 1
        raise UserError(
            f"params.yaml: search.port = {first}: this port and all up to {last} are taken by other programs. "
            "Name a free one. Finished trials are kept."
        )
    if ports[0] != first:
        say(f"Port {first} is taken by another program; NNI takes {ports[0]} (params.yaml: search.port).")
    return ports[0]


def _busy(port: int) -> bool:
    with socket.socket() as probe:
        if probe.connect_ex(("localhost", port)) == 0:
            return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return True
    return False


def experiment_id(driver: guard.Identity, attempt: int) -> str:
    """A name that tells whose experiment it is."""
    return f"{owner(driver)}{attempt}"


def owner(driver: guard.Identity) -> str:
    """What the names of all experiments of a driver begin with."""
    return f"r{driver.pid}-{driver.started * 100:.0f}-"


def owner_lives(name: str) -> bool:
    """Whether the driver that gave this name to its experiment still runs."""
    pid, _, rest = name.removeprefix("r").partition("-")
    try:
        started = guard.identity(int(pid)).started
    except (psutil.NoSuchProcess, ValueError):
        return False
    return f"{started * 100:.0f}" == rest.partition("-")[0]


def end_leftovers(home: Path, say: Say) -> int:
    """End node managers of ``home`` whose driver is gone, with their trials; gives how many."""
    left = [process for process in psutil.process_iter(["cmdline"]) if _is_left(process, home)]
    for process in left:
        guard.end(guard.family(process))
    if left:
        say(f"Ended {len(left)} NNI service(s) that an interrupted search had left behind.")
    for folder in (home / "experiments").glob("r*"):
        if not owner_lives(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def _is_left(process: psutil.Process, home: Path) -> bool:
    words = process.info["cmdline"] or []
    return serves(words, home) and not owner_lives(words[words.index("--experiment-id") + 1])


def serves(words: list[str], home: Path) -> bool:
    """Whether a command line is that of a node manager of ``home``."""
    if "--experiments-directory" not in words or "--experiment-id" not in words:
        return False
    return Path(words[words.index("--experiments-directory") + 1]) == home / "experiments"


@contextmanager
def at_home(home: Path, variables: Mapping[str, str] | None = None) -> Iterator[None]:
    """Make NNI and all that it starts keep its files in ``home`` and off the console; with ``variables`` set, too."""
    nni.silence_stdout()
    names = ("HOME", "PYTHONUSERBASE", "NODE_OPTIONS", *(variables or {}))
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(variables or {})
    # Packages that live in the user's own folder are found by HOME unless this names them.
    os.environ.setdefault("PYTHONUSERBASE", str(Path.home() / ".local"))
    os.environ["HOME"] = str(home)
    os.environ["NODE_OPTIONS"] = " ".join([before["NODE_OPTIONS"] or "", *(f'--require "{shim}"' for shim in SHIMS)])
    listing, launcher.Experiments = launcher.Experiments, functools.partial(Experiments, str(home / "nni-experiments"))
    check = launcher._check_rest_server
    launcher._check_rest_server = functools.partial(check, retry=START_SECONDS)
    try:
        yield
    finally:
        launcher.Experiments, launcher._check_rest_server = listing, check
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})


@dataclass(frozen=True)
class Place:
    """Where trials run."""

    command: str
    """Of the shell."""
    code: Path
    """The folder that they start in."""
    service: TrainingServiceConfig
    away: bool = False
    """On other machines."""


def here(task_file: Path, answers: Answers, driver: guard.Identity) -> Place:
    """This machine."""
    return Place(trial_command(task_file, answers, driver), Path(CODE), LocalConfig(use_active_gpu=True))


def describe(task: Task, place: Place, answers: Answers, driver: guard.Identity, name: str, home: Path) -> Experiment:
    """The experiment of a task, not yet started."""
    told = {"concurrency": task.concurrency, "answers": str(answers.folder), "driver": driver, "away": place.away}
    settings = settings_of(task).model_copy(update=told)
    config = ExperimentConfig(
        experiment_name="recsmith search",
        experiment_working_directory=home / "experiments",
        search_space=SearchSpace(task.space).tree,
        trial_command=place.command,
        trial_code_directory=place.code,
        trial_concurrency=task.concurrency,
        max_trial_number=task.trials,
        # Trials end themselves in time; this is for one that cannot.
        max_trial_duration=f"{int(task.trial_seconds) + 60}s",
        training_service=place.service,
        tuner=CustomAlgorithmConfig(
            class_name=tuner(task.strategy, settings).place,
            code_directory=CODE,
            class_args=settings.model_dump(mode="json"),
        ),
    )
    return Experiment(config, id=name)


def trial_command(task_file: Path, answers: Answers, driver: guard.Identity) -> str:
    """The shell command of a trial; it replaces the shell, so that signals reach it, and keeps the user's HOME."""
    words = [sys.executable, "-m", "recsmith.search.trial", str(task_file), str(answers.folder)]
    words += [str(driver.pid), repr(driver.started)]
    home = f"HOME={shlex.quote(os.environ['HOME'])} " if "HOME" in os.environ else ""
    return f"{home}exec {shlex.join(words)}"


Variables = Callable[[int], dict[str, str]]


def no_variables(port: int) -> dict[str, str]:
    """Nothing to set."""
    return {}


def start(
    make: Callable[[int], Experiment], first_port: int, home: Path, say: Say, variables: Variables = no_variables
) -> Experiment:
    """Start an experiment; ``make(attempt)`` gives a new one for each try: a busy machine misses NNI's short limits.

    ``variables(port)`` are set for the service.
    """
    if " " in sys.executable:
        raise UserError(f"NNI cannot start a Python whose path holds a space: {sys.executable}. Move the project.")
    reason = "nothing"
    for attempt in range(STARTS):
        experiment = make(attempt)
        try:
            # One start at a time on a machine: two that choose the same free port would talk to one service.
            with FileLock(_START_LOCK, timeout=LOCK_SECONDS):
                port = free_port(first_port, say, many=1 if _is_local(experiment) else 2)
                with at_home(home, variables(port)):
                    experiment.start(port, debug=False, run_mode=RunMode.Detach)
                _check_is_ours(experiment)
            return experiment
        except (RuntimeError, Timeout, *LOST) as error:
            reason = str(error)
            stop(experiment)
        except BaseException:  # interrupted: NNI names the process only once its service answers
            guard.end(one for process in guard.with_word(experiment.id) for one in guard.family(process))
            raise
        time.sleep(attempt)
    raise UserError(f"NNI's local service did not start in {STARTS} tries; the last said: {reason}. Run again.")


_START_LOCK = Path(tempfile.gettempdir()) / f"recsmith-nni-start-{getpass.getuser()}.lock"


def _is_local(experiment: Experiment) -> bool:
    """Whether NNI needs one port; with trials elsewhere it wants the next one too."""
    return isinstance(getattr(experiment.config, "training_service", None), LocalConfig)


def _check_is_ours(experiment: Experiment) -> None:
    name = experiment.get_experiment_profile()["id"]
    if name != experiment.id:
        raise RuntimeError(f"port {experiment.port} is answered by another experiment ({name})")


def stop(experiment: Experiment) -> None:
    """End an experiment with all that it started."""
    stop_experiment_logging(experiment.id)
    handle = experiment._proc  # NNI has no public name for it.
    if handle is None:
        return
    try:
        guard.end(guard.family(psutil.Process(handle.pid)))
    except psutil.NoSuchProcess:
        return
    finally:
        handle.wait()


def stderr_of(experiment: Experiment, home: Path, job: str) -> str:
    """What a trial said last, for one that left no record."""
    folder = home / "experiments" / experiment.id / "environments" / "local-env" / "trials" / job
    try:
        return (folder / "trial.stderr").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
