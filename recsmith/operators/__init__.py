"""Operators by name, one file each (docs/add-an-operator.md)."""

from __future__ import annotations

from recsmith.errors import unknown
from recsmith.operators.contract import Operator
from recsmith.operators.gat import Gat
from recsmith.operators.gcn import Gcn
from recsmith.operators.lightgcn import LightGcn
from recsmith.operators.none import Identity
from recsmith.operators.sage import Sage

OPERATORS: dict[str, type[Operator]] = {
    "none": Identity,
    "lightgcn": LightGcn,
    "gcn": Gcn,
    "sage": Sage,
    "gat": Gat,
}


def operator(name: str, dimension: int) -> Operator:
    """The operator called ``name`` with fresh weights; UserError lists the names where it is unknown."""
    if name not in OPERATORS:
        raise unknown("operators", name, OPERATORS)
    return OPERATORS[name](dimension)
