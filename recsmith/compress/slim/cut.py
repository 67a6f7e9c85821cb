"""A network without some of its channels: the weights that are left, or all of them with those channels at zero."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from recsmith.compress.slim.axes import CHANNELS, axes, hidden
from recsmith.compress.slim.speedup import perceptron, shrunk
from recsmith.model.gnn import Gnn
from recsmith.model.names import HEADED

PERCEPTRON = ".mlp"
"""How the block of a chain of linear layers ends; NNI cuts its hidden units, all else is cut here."""
Learnt = Mapping[str, torch.Tensor]
"""The weights of a network by name."""


@dataclass(frozen=True)
class Kept:
    """What stays of a network.

    Shapes: channels (D,) bool, as many in each head that stays and none of the others; hidden: (D,) bool for each block
    of hidden units, as many as channels.
    """

    channels: np.ndarray
    hidden: dict[str, np.ndarray]
    heads: int


def heads_of(architecture: Gnn) -> int:
    """Heads that the channels are cut into; 1 where no operator has any."""
    return architecture.heads if set(architecture.operators) & set(HEADED) else 1


def smaller(architecture: Gnn, kept: Kept) -> Gnn:
    """The architecture of what is left."""
    heads = kept.heads if heads_of(architecture) > 1 else architecture.heads
    return architecture.model_copy(update={"dimension": int(kept.channels.sum()), "heads": heads})


def sliced(learnt: Learnt, kept: Kept, architecture: Gnn) -> dict[str, torch.Tensor]:
    """The weights of ``smaller(architecture, kept)``, which makes what :func:`masked` makes in the channels kept."""
    per_head = kept.channels.sum() / kept.heads * heads_of(architecture) / architecture.dimension
    narrow = _with_units(learnt, kept)
    return {name: _cut(value, name, kept) * _rescaled(name, per_head) for name, value in narrow.items()}


def masked(learnt: Learnt, kept: Kept) -> dict[str, torch.Tensor]:
    """All weights, with those that make a channel or hidden unit that goes at zero."""
    stays = {CHANNELS: torch.from_numpy(kept.channels)}
    stays |= {block: torch.from_numpy(units) for block, units in kept.hidden.items()}
    return scaled(learnt, stays)


def scaled(learnt: Learnt, units: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All weights, times the number of the channel or hidden unit that they make.

    Shapes: units (D,) for the channels and for each block of hidden units.
    """
    return {name: _scaled(name, value, units) for name, value in learnt.items()}


def _scaled(name: str, value: torch.Tensor, units: Mapping[str, torch.Tensor]) -> torch.Tensor:
    for axis, letter in enumerate(axes(name)):
        if letter in "CGH":
            number = units[hidden(name) if letter == "H" else CHANNELS]
            shape = [-1 if place == axis else 1 for place in range(value.dim())]
            return value * (number.tile(3) if letter == "G" else number).view(shape)
    return value


def _with_units(learnt: Learnt, kept: Kept) -> dict[str, torch.Tensor]:
    """All weights, with perceptrons that have only the hidden units that stay."""
    found = dict(learnt)
    for block in (name for name in kept.hidden if name.endswith(PERCEPTRON)):
        own = {name.removeprefix(f"{block}."): value for name, value in learnt.items() if name.startswith(f"{block}.")}
        narrow = shrunk(perceptron(own), kept.hidden[block]).state_dict()
        found |= {f"{block}.{name}": value for name, value in narrow.items()}
    return found


def _cut(value: torch.Tensor, name: str, kept: Kept) -> torch.Tensor:
    letters = axes(name)
    if "A" in letters:
        return value.flatten()[torch.from_numpy(kept.channels)].view(1, kept.heads, -1)
    for axis, letter in enumerate(letters):
        if letter != "-" and not (letter in "Hh" and hidden(name).endswith(PERCEPTRON)):
            value = value.index_select(axis, torch.from_numpy(np.flatnonzero(_stays(letter, name, kept))))
    return value


def _stays(letter: str, name: str, kept: Kept) -> np.ndarray:
    if letter in "Hh":
        return kept.hidden[hidden(name)]
    return np.tile(kept.channels, 3) if letter == "G" else kept.channels


def _rescaled(name: str, per_head: float) -> float:
    """Attention divides by the root of the channels of a head; a query of fewer is made as much shorter.

    ``per_head``: the share of a head's channels that stays.
    """
    return per_head**0.5 if re.fullmatch(r"operators\.\d+\.query\.(weight|bias)", name) else 1.0
