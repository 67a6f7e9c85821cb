"""Choices below choices as NNI's own tuners take them."""

from __future__ import annotations

from typing import Any

from nni.common.hpo_utils import ParameterSpec


class Nested(ParameterSpec):
    """A knob below other choices; as it comes from NNI, two levels down it asks for a choice that was not made."""

    def is_activated_in(self, partial_parameters: Any) -> bool:
        """Whether all choices above this knob lead to it."""
        return not self.is_nested() or partial_parameters.get(self.key[:-2]) == self.key[-2]


def mend(tuner: Any) -> None:
    """Let a tuner that has its space find knobs at any depth, and leave it to us that nothing is proposed twice.

    NNI's own way out takes the next point of a grid, which is always a neighbour of the first choices.
    """
    tuner.space = {key: Nested(*spec) for key, spec in tuner.space.items()}
    if hasattr(tuner, "dedup"):
        tuner.dedup = _as_it_is


def _as_it_is(proposal: Any) -> Any:
    return proposal
