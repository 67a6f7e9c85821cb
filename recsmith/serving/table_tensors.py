"""Tables of every stored form as named tensors, and back: a form is known by the names of its tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recsmith.errors import UserError
from recsmith.serving.packed import PackedTable
from recsmith.serving.product import ProductTable
from recsmith.serving.reranked import RerankedTable
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable

Tensors = Mapping[str, np.ndarray]


def of_table(name: str, table: VectorTable | None) -> dict[str, np.ndarray]:
    """The tensors of a table; none where there is none. TypeError for a form that has no names."""
    parts = {} if table is None else _parts(table)
    return {f"{name}.{part}": values for part, values in parts.items() if values is not None}


def table(tensors: Tensors, name: str, base: VectorTable | None = None) -> VectorTable | None:
    """The table that :func:`of_table` took apart; a tied one belongs to ``base``."""
    part = {key.removeprefix(f"{name}."): values for key, values in tensors.items() if key.startswith(f"{name}.")}
    if not part:
        return None
    if "rerank" in part:
        return _reranked(tensors, name, part)
    if "values" in part:
        return Table(part["values"], part.get("scale"))
    if "levels" in part:
        return PackedTable(part["codes"], part["levels"], part["scale"], int(part["columns"][0]))
    if "books" in part:
        return ProductTable(part["codes"], part["books"], int(part["columns"][0]), part.get("scale"))
    if "tie" in part and base is not None:
        return TiedTable(base, part["tie"], part["columns"])
    raise UserError(f"{name} lies in tensors {', '.join(sorted(part))}: no form of a table that this Recsmith knows.")


def _reranked(tensors: Tensors, name: str, part: Tensors) -> RerankedTable:
    scanned, exact = table(tensors, f"{name}.scan"), table(tensors, f"{name}.exact")
    if not isinstance(scanned, PackedTable) or exact is None:
        raise UserError(f"{name} has nothing to scan, or nothing to score again by.")
    return RerankedTable(scanned, exact, int(part["rerank"][0]))


def _parts(table: VectorTable) -> dict[str, np.ndarray | None]:
    if isinstance(table, Table):
        return {"values": table.values, "scale": table.scale}
    if isinstance(table, PackedTable):
        columns = np.array([table.columns], np.uint32)
        return {"codes": table.codes, "levels": table.levels, "scale": table.scale, "columns": columns}
    if isinstance(table, ProductTable):
        columns = np.array([table.columns], np.uint32)
        return {"codes": table.codes, "books": table.books, "columns": columns, "scale": table.scale}
    if isinstance(table, RerankedTable):
        count = np.array([table.count], np.uint32)
        return {"rerank": count, **of_table("scan", table.scanned), **of_table("exact", table.exact)}
    if isinstance(table, TiedTable):
        return {"tie": table.scale, "columns": table.columns}
    raise TypeError(f"{type(table).__name__} has no names of tensors; give it some in {__name__}.")
