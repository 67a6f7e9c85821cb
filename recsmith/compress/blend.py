"""The forms of a blend: the vectors of its parts side by side, their sparse tables added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import sparse

from recsmith.compress.csr import matrix_of, table_of
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import SparseTable, Table
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable

Exported = Mapping[str, ServingModel]


def blends(parts: Sequence[tuple[float, Exported]], popularity: np.ndarray) -> dict[str, ServingModel]:
    """The blend in every form that one of its parts has; a part without that form takes its first.

    Shapes: factor and forms of each part, popularity (I,).
    """
    names = [name for _, forms in parts for name in forms if len(forms) > 1] or [next(iter(parts[0][1]))]
    return {
        name: blend([(factor, forms.get(name, next(iter(forms.values())))) for factor, forms in parts], popularity)
        for name in dict.fromkeys(names)
    }


def blend(parts: Sequence[tuple[float, ServingModel]], popularity: np.ndarray) -> ServingModel:
    """One model whose scores are the sum of ``factor * score``; float32 like its parts.

    The columns that are projected on come first. Each part's item vectors get unit spread, so that one scale a row
    quantises all of them; what they are divided by goes to the side of the people.
    """
    sized = [(factor, _size(model.item_vectors), model) for factor, model in parts if model.item_vectors is not None]
    projected = [part for part in sized if part[2].projection is not None]
    stored = [part for part in sized if part[2].projection is None]
    items = _beside([(1 / size, model.item_vectors) for _, size, model in (*projected, *stored)])
    return ServingModel(
        popularity=np.array(popularity, np.float32),
        item_vectors=items,
        projection=_projection(projected, items),
        user_vectors=_beside([(factor * size, model.user_vectors) for factor, size, model in stored]),
        sparse=_added([(factor, model.sparse) for factor, model in parts if model.sparse is not None]),
    )


def _projection(parts: Sequence[tuple[float, float, ServingModel]], items: VectorTable | None) -> VectorTable | None:
    """That of the parts side by side; of one tied part, whose columns come first in ``items``, tied to these."""
    if items is None or len(parts) != 1 or not isinstance(tie := parts[0][2].projection, TiedTable):
        return _beside([(factor * size, model.projection) for factor, size, model in parts])
    factor, size, _ = parts[0]
    return TiedTable(items, tie.scale, tie.columns * np.float32(factor * size**2))


def _size(table: VectorTable) -> float:
    """The root mean square of the table's numbers; 1 where they are all 0."""
    found = float(np.sqrt(np.mean(np.square(table.dequantised()))))
    return found if found > 0 else 1.0


def _beside(tables: Sequence[tuple[float, VectorTable | None]]) -> Table | None:
    values = [np.float32(factor) * table.dequantised() for factor, table in tables if table is not None]
    return Table(np.concatenate(values, axis=1)) if values else None


def _added(tables: Sequence[tuple[float, SparseTable]]) -> SparseTable | None:
    if not tables:
        return None
    total = sum(np.float32(factor) * matrix_of(table) for factor, table in tables)
    return table_of(sparse.csr_matrix(total))
