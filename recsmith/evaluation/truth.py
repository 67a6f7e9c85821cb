"""The sealed test in the graph's numbering."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsmith.errors import UserError
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.tables.columns import ITEM, USER


def relevant_pairs(test: pa.Table, user_ids: pa.Array, item_ids: pa.Array) -> Relevant:
    """The pairs of ``test`` (columns user_id, item_id), items outside ``item_ids`` as cold.

    UserError where ``test`` is empty or names a user outside ``user_ids``.
    """
    if not test.num_rows:
        raise UserError("The test split holds no rows, so nothing can be measured. Raise split.test in params.yaml.")
    users = _rows_of(test[USER], user_ids)
    if (users < 0).any():
        stranger = test[USER][int(np.argmin(users))].as_py()
        raise UserError(
            f"test.parquet: user {stranger!r} is not among the users of the graph. Run the line again (make run)."
        )
    items = _rows_of(test[ITEM], item_ids)
    cold = test[ITEM].combine_chunks().dictionary_encode().indices.to_numpy() + len(item_ids)
    return from_pairs(users, np.where(items >= 0, items, cold), len(user_ids), len(item_ids))


def _rows_of(ids: pa.ChunkedArray, known: pa.Array) -> np.ndarray:
    """Where each id stands in ``known``, -1 where it does not."""
    rows = pc.call_function("index_in", [ids], pc.SetLookupOptions(value_set=known))
    return pc.call_function("coalesce", [rows, pa.scalar(-1, rows.type)]).to_numpy()


def pair_counts(relevant: Relevant, activity: np.ndarray) -> dict[str, int]:
    """What the test holds. Shapes: activity (U,) interactions before the test."""
    users = relevant.users
    return {
        "test_users": len(users),
        "test_users_without_history": int((activity[users] == 0).sum()),
        "test_pairs": int(relevant.n_relevant.sum()),
        "test_pairs_with_unknown_item": int(np.asarray(relevant.cold).sum()),
    }
