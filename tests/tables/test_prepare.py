from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsmith.config.split import KCore, Split
from recsmith.errors import UserError
from recsmith.tables.columns import INTERACTIONS
from recsmith.tables.prepare import dedupe, k_core, people, prepare

Make = Callable[[list], ibis.Table]
QUICK = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
logs = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from("123"),
        st.one_of(st.none(), st.integers(0, 5)),
        st.one_of(st.none(), st.sampled_from([0.1, 0.2, 0.7, 3.0])),
        st.sampled_from(["view", "buy"]),
    ),
    min_size=1,
    max_size=40,
)


def rows_of(table: ibis.Table) -> list[tuple]:
    return sorted((tuple(row.values()) for row in table.to_pyarrow().to_pylist()), key=repr)


@pytest.mark.parametrize("keep", ["last", "first", "sum", "max"])
def test_dedupe_leaves_one_row_a_key_is_a_fixed_point_and_knows_no_row_order(make: Make, keep: str) -> None:
    @QUICK
    @given(logs, st.randoms(use_true_random=False))
    def holds(rows: list, random: Any) -> None:
        once = dedupe(make(rows), keep).select(*INTERACTIONS)
        found = once.to_pyarrow().to_pylist()
        keys = Counter((row["user_id"], row["item_id"], row["event"]) for row in found)
        assert keys == Counter({(row[0], row[1], row[4]) for row in rows})
        shuffled = dedupe(make(random.sample(rows, len(rows))), keep).select(*once.columns)
        assert rows_of(shuffled) == rows_of(once)
        assert rows_of(dedupe(once, keep).select(*once.columns)) == rows_of(once)

    holds()


@pytest.mark.parametrize(
    ("keep", "time", "weight"), [("last", 3, 1.0), ("first", None, 2.0), ("sum", 3, 9.0), ("max", 3, 5.0)]
)
def test_dedupe_keeps_what_it_is_named_after(make: Make, keep: str, time: int | None, weight: float) -> None:
    rows = [("a", "1", 2, 5.0), ("a", "1", 3, 1.0), ("a", "1", 3, None), ("a", "1", None, 2.0)]
    (row,) = dedupe(make(rows), keep).to_pyarrow().to_pylist()
    assert (row["timestamp"], row["weight"]) == (time, weight)


def test_every_step_is_counted(make: Make) -> None:
    rows = [("a", "1", 1, 5.0), ("a", "1", 2, 5.0), (None, "1", 1, 5.0), ("a", None, 1, 5.0), ("b", "1", 1, 2.0)]
    prepared = prepare(make(rows), Split(min_weight=3), keep_split=False)
    assert prepared.removed == {"null_ids": 2, "duplicates": 1, "below_min_weight": 1}
    assert prepared.rows.to_pyarrow()["timestamp"].to_pylist() == [2]


def test_a_threshold_without_weights_is_an_error(make: Make) -> None:
    with pytest.raises(UserError, match=r"split\.min_weight = 3 needs a weight .* but 2 of 3 rows"):
        prepare(
            make([("a", "1", 1, 5.0), ("a", "2", 1), ("a", "3", 1, float("nan"))]),
            Split(min_weight=3),
            keep_split=False,
        )


def test_nothing_left_names_the_count_at_each_step(make: Make) -> None:
    with pytest.raises(UserError, match="3 interactions read, 2 with ids, 1 without duplicates, 0 with a weight"):
        prepare(
            make([("a", "1", 1, 1.0), ("a", "1", 2, 1.0), (None, "1", 1, 1.0)]), Split(min_weight=3), keep_split=False
        )


def test_k_core_is_the_largest_fixed_point(make: Make) -> None:
    @QUICK
    @given(st.sets(st.tuples(st.sampled_from("abcdef"), st.sampled_from("123456")), min_size=1), st.integers(1, 4))
    def holds(pairs: set, k: int) -> None:
        core = KCore(users=k, items=max(1, k - 1))
        kept, _ = k_core(make([(user, item, 1) for user, item in sorted(pairs)]), core)
        found = set(zip(*(kept.to_pyarrow()[name].to_pylist() for name in ("user_id", "item_id")), strict=True))
        assert found == peeled(pairs, core)

    holds()


def peeled(pairs: set, core: KCore) -> set:
    """The k-core by removing one pair at a time."""
    while True:
        users, items = Counter(user for user, _ in pairs), Counter(item for _, item in pairs)
        weak = {(u, i) for u, i in pairs if users[u] < core.users or items[i] < core.items}
        if not weak:
            return pairs
        pairs = pairs - {min(weak)}


def test_k_core_counts_pairs_and_keeps_all_events_of_a_pair(make: Make) -> None:
    rows = [("a", "1", 1, None, "view"), ("a", "1", 2, None, "buy"), ("b", "1", 1), ("b", "2", 1)]
    kept, rounds = k_core(make(rows), KCore(users=2))
    assert sorted(kept.to_pyarrow()["user_id"].to_pylist()) == ["b", "b"]
    assert rounds == 1


def test_everyone_is_there_once_whatever_the_table(make: Make) -> None:
    found = people([make([("b", "1"), (None, "1"), ("a", None)]), make([("c", "1"), ("b", "2")])])
    assert sorted(found.to_pyarrow()["user_id"].to_pylist()) == ["a", "b", "c"]
