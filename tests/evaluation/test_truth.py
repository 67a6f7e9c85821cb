"""The test table in the graph's numbering."""

import numpy as np
import pyarrow as pa
import pytest

from recsmith.errors import UserError
from recsmith.evaluation.truth import pair_counts, relevant_pairs

USERS, ITEMS = pa.array(["a", "b", "c"]), pa.array(["x", "y"])


def table(*pairs: tuple[str, str]) -> pa.Table:
    return pa.table({"user_id": [user for user, _ in pairs], "item_id": [item for _, item in pairs]})


def test_items_outside_the_catalogue_are_cold_and_count_one_each() -> None:
    relevant = relevant_pairs(table(("a", "y"), ("a", "new"), ("a", "newer"), ("c", "new")), USERS, ITEMS)
    assert relevant.n_relevant.tolist() == [3, 0, 1]
    assert relevant.indices.tolist() == [1]
    assert pair_counts(relevant, np.array([5, 1, 0])) == {
        "test_users": 2,
        "test_users_without_history": 1,
        "test_pairs": 4,
        "test_pairs_with_unknown_item": 3,
    }


def test_a_pair_of_two_events_counts_once() -> None:
    relevant = relevant_pairs(table(("a", "y"), ("a", "y"), ("a", "new"), ("a", "new")), USERS, ITEMS)
    assert relevant.n_relevant.tolist() == [2, 0, 0]


def test_an_empty_test_says_what_to_change() -> None:
    with pytest.raises(UserError, match=r"split\.test"):
        relevant_pairs(table(), USERS, ITEMS)


def test_a_stranger_is_named() -> None:
    with pytest.raises(UserError, match="'z'"):
        relevant_pairs(table(("z", "x")), USERS, ITEMS)
