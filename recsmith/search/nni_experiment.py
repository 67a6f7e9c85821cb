"""The driver of a search as an NNI experiment on this machine: trials are processes, their own files are the truth.

A search is resumed by being run again: the seeded tuner proposes the same, and what the store knows is answered at
once. So the service may die, and is simply started anew.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nni.experiment import Experiment
from nni.experiment.data import TrialJob

from recsmith import guard
from recsmith.errors import UserError
from recsmith.search import nni_service
from recsmith.search.attempt import answered, ended
from recsmith.search.nni_service import LOST, Say
from recsmith.search.nodes.crew import Crew, mustered
from recsmith.search.progress import Progress
from recsmith.search.spending import Spending
from recsmith.search.store import Answer, Answers, Store
from recsmith.search.task import RUNS, Task
from recsmith.search.tree import NUMBER

POLL_SECONDS = 0.25
STATUS_SECONDS = 2.0
GRACE_SECONDS = 120.0
ATTEMPTS = 3
PATIENT_LOOKS = 3
"""So often the last answers of trials that have ended are waited for: files come later than NNI's word."""
ENDED_BADLY = ("FAILED", "USER_CANCELED", "SYS_CANCELED", "EARLY_STOPPED")


class ServiceLost(Exception):
    """NNI's service died or stands still; what is known is kept."""


@dataclass
class _Run:
    """One life of the service."""

    task: Task
    home: Path
    answers: Answers
    experiment: Experiment
    progress: Progress
    spending: Spending
    crew: Crew | None = None
    moved: float = field(default_factory=time.monotonic)
    """When a trial last started or ended."""
    asked: float = 0.0
    seen: int = 0
    looks_after_end: int = 0

    def follow(self) -> list[Answer]:
        """Show trials as they finish until the budget is used up; ServiceLost where that will not happen."""
        while not self.spending.used_up(found := self._answered()):
            self._show(found)
            if time.monotonic() - self.asked > STATUS_SECONDS:
                self._look()
            time.sleep(POLL_SECONDS)
            if self.crew is not None:
                self.crew.gather()
        self._show(found)
        return found

    def _answered(self) -> list[Answer]:
        return [answer for number in self.answers.numbers() if (answer := self.answers.load(number)) is not None]

    def _show(self, found: list[Answer]) -> None:
        for answer in found:
            self.progress.show(answer)
        numbers = {answer.number for answer in found}
        begun = self.answers.begun().values() if self.progress.board is not None else ()
        self.progress.running(proposal for proposal in begun if proposal[NUMBER] not in numbers)

    def _look(self) -> None:
        """Ask the service how it fares."""
        self.asked = time.monotonic()
        try:
            status = self.experiment.get_status()
            jobs = self.experiment.list_trial_jobs()
        except LOST as error:
            raise ServiceLost(f"NNI's service does not answer: {error}") from error
        if status == "ERROR":
            raise ServiceLost("NNI's service reports an error of its tuner.")
        for job in jobs:
            if job.status in ENDED_BADLY:
                self._crashed(job)
        self._unheard(jobs)
        self._watchdog(len(jobs) + len(self.answers.numbers()) + len(self.answers.begun()))

    def _watchdog(self, seen: int) -> None:
        if seen != self.seen:
            self.seen, self.moved = seen, time.monotonic()
        limit = self.task.trial_seconds + GRACE_SECONDS
        if time.monotonic() - self.moved > limit:
            raise ServiceLost(f"no trial started or ended within {limit:g} s.")

    def _crashed(self, job: TrialJob) -> None:
        """Record a trial that ended without doing so itself: killed, out of memory, or never come to life."""
        parameters = self.answers.begun().get(job.trialJobId, {NUMBER: job.sequenceId})
        if self.answers.load(parameters[NUMBER]) is not None:
            return
        lost = self.crew.why(job.trialJobId) if self.crew is not None else None
        said = nni_service.stderr_of(self.experiment, self.home, job.trialJobId)
        self._failed(parameters, f"{said}\n{lost or _reason(self.task, job)}".strip())

    def _unheard(self, jobs: list[TrialJob]) -> None:
        """Record proposals that nobody will take: as many trials as there are proposals have ended, some too early."""
        over = len(jobs) >= self.task.trials and all(job.status in (*ENDED_BADLY, "SUCCEEDED") for job in jobs)
        self.looks_after_end = self.looks_after_end + 1 if over else 0
        if self.looks_after_end > PATIENT_LOOKS:
            lost = f" Lost nodes: {', '.join(self.crew.lost)}." if self.crew is not None and self.crew.lost else ""
            for number in set(range(self.task.trials)) - set(self.answers.numbers()):
                self._failed({NUMBER: number}, f"The trial ended before it could tell what it worked on.{lost}")

    def _failed(self, parameters: dict[str, Any], error: str) -> None:
        record = ended(self.task, parameters, error)
        self.answers.save(answered(self.task, parameters, record, known=False, seconds=0.0))


def _reason(task: Task, job: TrialJob) -> str:
    """Why a trial ended that could not tell; NNI ends those that hang, and has one status for these and killed ones."""
    ran = ((job.endTime or 0) - (job.startTime or 0)) / 1000
    if job.startTime and ran > task.trial_seconds:
        return f"The trial took longer than {task.trial_seconds:g} s and did not end itself: it hung, and was ended."
    return f"The trial's process ended without a result ({job.status}): killed, or out of memory."


def search(task: Task, work: Path, say: Say) -> list[Answer]:
    """All answers in the order of the proposals.

    ``work`` is the folder of all searches of this workspace. Raises UserError where NNI's service cannot be kept alive.
    """
    home = work.resolve() / "nni"
    home.mkdir(parents=True, exist_ok=True)
    nni_service.end_leftovers(home, say)
    _tidy(Path(task.folder) / RUNS)
    if again := Store(Path(task.folder)).forget_failures():
        say(f"{again} failed trial(s) of an earlier run will be tried again.")
    with mustered(task, say) as crew, Progress(task, say) as progress:
        return _kept_alive(task, home, progress, crew, say)


def _kept_alive(task: Task, home: Path, progress: Progress, crew: Crew | None, say: Say) -> list[Answer]:
    reason, spending = ServiceLost(), Spending(task)
    for attempt in range(ATTEMPTS):
        try:
            return _once(task, home, progress, attempt, crew, spending, say)
        except ServiceLost as lost:
            reason = lost
            say(f"NNI's service is started again: {lost}")
    raise UserError(f"NNI's service failed {ATTEMPTS} times; the last time: {reason} Finished trials are kept.")


def _once(
    task: Task, home: Path, progress: Progress, attempt: int, crew: Crew | None, spending: Spending, say: Say
) -> list[Answer]:
    driver = guard.identity()
    run = nni_service.experiment_id(driver, attempt)
    task_file = task.save(Path(task.folder))
    folder = Path(task.folder) / RUNS / run
    shutil.rmtree(folder, ignore_errors=True)
    answers = Answers(folder)
    place = nni_service.here(task_file, answers, driver)
    if crew is not None:
        crew.begin(answers, run, nni_service.owner(driver))
        place = crew.place(run, home)

    def make(start: int) -> Experiment:
        name = nni_service.experiment_id(driver, attempt * nni_service.STARTS + start)
        return nni_service.describe(task, place, answers, driver, name, home)

    variables = crew.variables if crew is not None else nni_service.no_variables
    experiment = nni_service.start(make, min(task.port + attempt, 65535), home, say, variables)
    try:
        say(f"NNI: http://localhost:{experiment.port} while the search runs")
        return _Run(task, home, answers, experiment, progress, spending, crew).follow()
    finally:
        nni_service.stop(experiment)
        if crew is not None:
            crew.end()
        # A trial whose service was killed may not have noticed yet.
        guard.end(guard.with_word(str(answers.folder)))


def _tidy(runs: Path) -> None:
    """Remove answers of runs whose driver is gone; records are kept elsewhere."""
    for folder in runs.glob("r*"):
        if not nni_service.owner_lives(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
