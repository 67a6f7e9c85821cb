"""Names under which tables lie in the files of a bundle; packing and loading share them."""

from __future__ import annotations

import numpy as np

from recsmith.serving.fold_in import FoldIn
from recsmith.serving.foreign import foreign
from recsmith.serving.inverted import InvertedLists
from recsmith.serving.model import ServingModel
from recsmith.serving.strings import Strings
from recsmith.serving.table_tensors import Tensors, of_table, table
from recsmith.serving.tables import SparseTable, index_type, whole
from recsmith.serving.vector_table import VectorTable


def of_sparse(name: str, sparse: SparseTable | None) -> dict[str, np.ndarray]:
    """The tensors of a sparse table; none where there is none."""
    if sparse is None:
        return {}
    scale = {} if sparse.scale is None else {f"{name}.scale": sparse.scale}
    parts = {"indptr": sparse.indptr, "indices": sparse.indices, "data": sparse.data}
    return {**{f"{name}.{part}": values for part, values in parts.items()}, **scale}


def sparse(tensors: Tensors, name: str, n_columns: int) -> SparseTable | None:
    """The sparse table that :func:`of_sparse` took apart; UserError where its parts do not fit together."""
    if f"{name}.data" not in tensors:
        return None
    indptr, indices, data = (tensors[f"{name}.{part}"] for part in ("indptr", "indices", "data"))
    check_rows(name, indptr, indices, n_columns)
    if data.shape != indices.shape:
        raise foreign(f"{name} has {len(data)} entries in {len(indices)} places")
    return SparseTable(indptr, indices, data, n_columns, tensors.get(f"{name}.scale"))


def of_index(index: InvertedLists | None) -> dict[str, np.ndarray]:
    """The tensors of an index; none where there is none."""
    if index is None:
        return {}
    return {
        "index.centroids": index.centroids,
        "index.offsets": index.offsets,
        "index.items": index.items,
        "index.probes": np.array([index.probes], np.uint32),
    }


def index(tensors: Tensors, items: VectorTable | None) -> InvertedLists | None:
    """The index that :func:`of_index` took apart; UserError where it does not fit the vectors."""
    if "index.items" not in tensors:
        return None
    centroids, offsets, listed = (tensors[f"index.{part}"] for part in ("centroids", "offsets", "items"))
    found = InvertedLists(centroids, offsets, listed, int(tensors["index.probes"][0]))
    found.check((0, 0) if items is None else items.shape)
    return found


def of_strings(name: str, strings: Strings | None) -> dict[str, np.ndarray]:
    """The tensors of a column of strings; none where there is none."""
    if strings is None:
        return {}
    return {f"{name}.offsets": strings.offsets.astype(index_type(strings.offsets[-1])), f"{name}.bytes": strings.data}


def strings(tensors: Tensors, name: str) -> Strings | None:
    """The column that :func:`of_strings` took apart; UserError where its parts do not fit together."""
    offsets = tensors.get(f"{name}.offsets")
    if offsets is None:
        return None
    data = tensors[f"{name}.bytes"]
    check_offsets(name, offsets, len(data))
    if data.dtype != np.uint8:
        raise foreign(f"{name} are not bytes")
    return Strings(offsets, data)


def model(tensors: Tensors, people: Tensors, fold_in: FoldIn) -> ServingModel:
    """The model whose tables lie in the tensors of the two parts."""
    popularity, items = tensors["popularity"], table(tensors, "item_vectors")
    return ServingModel(
        popularity=popularity,
        item_vectors=items,
        projection=table(tensors, "projection", items),
        user_vectors=table(people, "user_vectors"),
        sparse=sparse(tensors, "sparse", len(popularity)),
        fold_in=fold_in,
        index=index(tensors, items),
    )


def of_model(model: ServingModel) -> dict[str, np.ndarray]:
    """The tensors of the shareable part: V, W, S, popularity and the index."""
    return {
        "popularity": model.popularity,
        **of_table("item_vectors", model.item_vectors),
        **of_table("projection", model.projection),
        **of_sparse("sparse", model.sparse),
        **of_index(model.index),
    }


def check_offsets(name: str, offsets: np.ndarray, count: int) -> None:
    """UserError unless the offsets are whole numbers that ascend from 0 to the number of entries."""
    if (
        not whole(offsets)
        or len(offsets) == 0
        or offsets[0] != 0
        or offsets[-1] != count
        or (offsets[1:] < offsets[:-1]).any()
    ):
        raise foreign(f"The offsets of {name} do not fit its entries")


def check_rows(name: str, indptr: np.ndarray, indices: np.ndarray, n_columns: int) -> None:
    """UserError unless the offsets ascend to the number of entries and every column is one of ``n_columns``."""
    check_offsets(name, indptr, len(indices))
    if not whole(indices) or (len(indices) and (indices.max() >= n_columns or indices.min() < 0)):
        raise foreign(f"{name} names an item beyond the {n_columns} of the catalogue")
