"""Candidates as ``nni.nas`` sees them: a model space with one choice a knob, judged by trials of ours."""

from __future__ import annotations

from typing import Any

import nni
from nni.mutable import Constraint, ConstraintViolation, SampleValidationError, ensure_frozen
from nni.nas.evaluator import Evaluator
from nni.nas.execution import SequentialExecutionEngine
from nni.nas.nn.pytorch import ModelSpace
from nni.nas.space import SimplifiedModelSpace

from recsmith.search.encoding import Encoding, Value
from recsmith.search.nas.trials import Trials

UNTRIED = "untried"


class Candidates(ModelSpace):
    """One ``nni.choice`` for each label; frozen, it holds the value of each."""

    def __init__(self, choices: dict[str, list[Value]]) -> None:
        super().__init__()
        self.values: dict[str, Any] = {
            label: ensure_frozen(self.add_mutable(nni.choice(label, values))) for label, values in choices.items()
        }


class Untried(Constraint):
    """Samples of candidates that have been tried are no part of the space any more."""

    def __init__(self, encoding: Encoding, trials: Trials) -> None:
        self.label, self.encoding, self.trials = UNTRIED, encoding, trials

    def check_contains(self, sample: dict[str, Any]) -> SampleValidationError | None:
        known = self.trials.known(self.encoding.decode(sample))
        return ConstraintViolation("the candidate has been tried") if known else None


class Judge(Evaluator):
    """Tells a strategy the metric of a candidate."""

    def __init__(self, encoding: Encoding, trials: Trials) -> None:
        self.encoding, self.trials = encoding, trials

    def evaluate(self, model: Candidates) -> None:
        nni.report_final_result(self.trials.value(self.encoding.decode(model.values)))


class Engine(SequentialExecutionEngine):
    """Runs candidates one after the other until the trials are used up."""

    def __init__(self, trials: Trials) -> None:
        super().__init__()
        self.trials = trials

    def budget_available(self) -> bool:
        return not self.trials.over


def space_of(encoding: Encoding, trials: Trials, *, once: bool) -> SimplifiedModelSpace:
    """The space of an encoding; ``once``: a strategy that draws a candidate that has been tried is to draw again."""
    space: Any = Candidates(encoding.choices)
    mutables: dict[str, Any] = space.simplify()
    if once:
        mutables[UNTRIED] = Untried(encoding, trials)
    return SimplifiedModelSpace(space, mutables, Judge(encoding, trials))
