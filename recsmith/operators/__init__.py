"""Operators by name, one file each (docs/add-an-operator.md)."""

from __future__ import annotations

from typing import Any

from recsmith.errors import unknown
from recsmith.operators.contract import Knobs, Operator
from recsmith.operators.conv1d import Conv1d
from recsmith.operators.dense import Dense
from recsmith.operators.gat import Gat
from recsmith.operators.gcn import Gcn
from recsmith.operators.gin import Gin
from recsmith.operators.lightgcn import LightGcn
from recsmith.operators.ngcf import Ngcf
from recsmith.operators.none import Identity
from recsmith.operators.pooling import Pooling
from recsmith.operators.rgcn import Rgcn
from recsmith.operators.sage import Sage
from recsmith.operators.transformer import Transformer

OPERATORS: dict[str, type[Operator]] = {
    "none": Identity,
    "lightgcn": LightGcn,
    "gcn": Gcn,
    "sage": Sage,
    "gat": Gat,
    "gin": Gin,
    "ngcf": Ngcf,
    "transformer": Transformer,
    "rgcn": Rgcn,
    "dense": Dense,
    "conv1d": Conv1d,
    "pooling": Pooling,
}


def operator(name: str, dimension: int, **knobs: Any) -> Operator:
    """The operator called ``name`` with fresh weights; UserError lists the names where it is unknown.

    ``knobs`` are those of ``recsmith.operators.contract.Knobs``.
    """
    if name not in OPERATORS:
        raise unknown("operators", name, OPERATORS)
    return OPERATORS[name](Knobs(dimension, **knobs))
