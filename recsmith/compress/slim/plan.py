"""How many of which units of a network go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from recsmith.compress.columns import kept_count
from recsmith.compress.slim.axes import check
from recsmith.compress.slim.cut import Kept, heads_of
from recsmith.errors import UserError
from recsmith.model.gnn import Gnn

HEADS = "heads"


@dataclass(frozen=True)
class Plan:
    """``gone`` heads, or ``gone`` channels of each head, so that heads stay equally wide."""

    dimension: int
    heads: int
    unit: str
    gone: int

    @property
    def left(self) -> int:
        """Channels that stay."""
        per_head = self.dimension // self.heads
        return (self.heads - self.gone) * per_head if self.unit == HEADS else self.dimension - self.gone * self.heads

    def groups(self, hidden: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Units that are ranked against each other: how many there are and how many go; hidden ones as channels do."""
        if self.unit == HEADS:
            ranked = {HEADS: (self.heads, self.gone)}
        else:
            ranked = {_head(head): (self.dimension // self.heads, self.gone) for head in range(self.heads)}
        return {**ranked, **dict.fromkeys(hidden, (self.dimension, self.dimension - self.left))}

    def channels(self, of_group: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """A number a channel, from one a unit. Shapes: (units,) for each group -> (D,)."""
        if self.unit == HEADS:
            return of_group[HEADS].repeat_interleave(self.dimension // self.heads)
        return torch.cat([of_group[_head(head)] for head in range(self.heads)])

    def kept(self, stays: Mapping[str, np.ndarray]) -> Kept:
        """What the masks of all groups say. Shapes: (units,) bool for each group."""
        channels = self.channels({name: torch.from_numpy(mask) for name, mask in stays.items()}).numpy()
        own = set(self.groups(()))
        heads = int(stays[HEADS].sum()) if self.unit == HEADS else self.heads
        return Kept(channels, {name: mask for name, mask in stays.items() if name not in own}, heads)


def plan(architecture: Gnn, unit: str, share: float) -> Plan:
    """What a share of the units is; one always stays. UserError where none goes, or where none can."""
    check(architecture)
    heads = heads_of(architecture)
    if unit == HEADS and heads < 2:
        raise UserError(
            "params.yaml: compress.slim.units: heads needs a network with gat or transformer and more than one head; "
            f"this one has {', '.join(architecture.operators) or 'no operators'}, heads = {architecture.heads}. "
            "Take channels."
        )
    units = heads if unit == HEADS else architecture.dimension // heads
    gone = units - kept_count(units, share)
    if gone < 1:
        raise UserError(
            f"params.yaml: compress.slim.sparsity = {share:g} of {units} {unit}{_each(unit, heads)} is none. "
            f"Take at least {0.5 / units:.2g}."
        )
    return Plan(architecture.dimension, heads, unit, gone)


def _each(unit: str, heads: int) -> str:
    return " a head" if unit != HEADS and heads > 1 else ""


def _head(head: int) -> str:
    return f"channels of head {head}"
