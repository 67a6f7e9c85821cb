"""Small bundles of both families, whose content tests know."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import sparse

from recsmith.compress import int8, pack
from recsmith.compress.contract import Calibration, Knobs
from recsmith.serving.histories import stored_rows
from recsmith.serving.model import Batch, ServingModel
from recsmith.serving.tables import SparseTable, Table

N_USERS, N_ITEMS, RANK = 12, 30, 4


def histories(seed: int = 0) -> Batch:
    """Everybody has a history but user 5; item 29 was touched by nobody."""
    rng = np.random.default_rng(seed)
    touched = rng.random((N_USERS, N_ITEMS)) < 0.2
    touched[:, 0], touched[5], touched[:, 29] = True, False, False
    matrix = sparse.csr_matrix(touched)
    indptr = matrix.indptr.astype(np.int64)
    return Batch(indptr, matrix.indices.astype(np.int32), None, stored_rows(indptr))


def model(family: str, seed: int = 0) -> ServingModel:
    rng = np.random.default_rng(seed)
    batch = histories(seed)
    popularity = np.bincount(batch.indices, minlength=N_ITEMS).astype(np.float32)
    items = Table(rng.normal(size=(N_ITEMS, RANK)).astype(np.float32))
    if family == "gnn":
        users = rng.normal(size=(N_USERS - 1, RANK)).astype(np.float32)
        return ServingModel(popularity, items, user_vectors=Table(users))
    rest = sparse.csr_matrix(sparse.random(N_ITEMS, N_ITEMS, 0.1, rng=rng, dtype=np.float32))
    table = SparseTable(rest.indptr.astype(np.uint16), rest.indices.astype(np.uint16), rest.data, N_ITEMS)
    return ServingModel(popularity, items, Table(rng.normal(size=(N_ITEMS, RANK)).astype(np.float32)), sparse=table)


def titles() -> list[str]:
    return [f"Title {n}" if n else "" for n in range(N_ITEMS)]


def make_bundle(folder: Path, family: str = "filter", *, small: bool = True, ids: Sequence[str] = ()) -> Path:
    """Pack a bundle and say where it lies; ``ids`` of its people where they are not u0, u1, ..."""
    packed = int8.compress(model(family), Calibration(histories()), Knobs("int8")) if small else model(family)
    people = pack.People(ids or [f"u{n}" for n in range(N_USERS)], histories())
    pack.write(folder, packed, [f"i{n:02}" for n in range(N_ITEMS)], people, {"recipe": "int8"}, titles())
    return folder
