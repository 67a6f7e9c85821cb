from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsmith.config.split import Split
from recsmith.errors import UserError
from recsmith.tables.demands import TEMPORAL
from recsmith.tables.prepare import prepare
from recsmith.tables.splits import assign, carving, split

Make = Callable[[list], ibis.Table]
METHODS = ("per_user_temporal", "global_temporal", "leave_one_out", "random", "given")

rows_of_logs = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from("123456789"),
        st.integers(0, 30),
        st.sampled_from([1.0, 2.0]),
        st.sampled_from(["view", "buy"]),
        st.sampled_from(["train", "train", "train", "valid", "test"]),
    ),
    min_size=25,
    max_size=60,
)
anything = st.tuples(
    rows_of_logs,
    st.sampled_from([None, "buy"]),
    st.sampled_from([(0.1, 0.1), (0.3, 0.2), (0.2, 0.6)]),
    st.integers(0, 3),
)


def key(row: dict) -> tuple:
    return row["user_id"], row["item_id"], row["timestamp"], row["weight"], row["event"]


def run(make: Make, rows: list, params: Split, seed: int) -> tuple[list, dict, dict, str]:
    """Prepared rows, splits, what was dropped, and how valid was made."""
    prepared = prepare(make(rows), params, keep_split=params.method == "given").rows
    sealed = split(prepared, params, seed)
    parts = {name: part.to_pyarrow().to_pylist() for name, part in sealed.parts.items()}
    return prepared.to_pyarrow().to_pylist(), parts, sealed.dropped, sealed.carved


@pytest.mark.parametrize("method", METHODS)
def test_no_pair_is_shared_nothing_is_lost_no_future_is_seen_whatever_the_order_of_rows(
    make: Make, method: str
) -> None:
    split_logs = []

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(anything, st.randoms(use_true_random=False))
    def holds(drawn: tuple, random: Any) -> None:
        rows, target, (valid, test), seed = drawn
        params = Split.model_validate({"method": method, "valid": valid, "test": test, "target_event": target})
        try:
            before, parts, dropped, carved = run(make, rows, params, seed)
        except UserError:
            return
        check_pairs(before, parts, dropped, target)
        check_time(parts, method, carved)
        _, again, dropped_again, _ = run(make, random.sample(rows, len(rows)), params, seed)
        assert {name: sorted(map(key, part)) for name, part in parts.items()} == {
            name: sorted(map(key, part)) for name, part in again.items()
        }
        assert dropped == dropped_again
        split_logs.append(rows)

    holds()
    assert split_logs


def check_pairs(before: list, parts: dict, dropped: dict, target: str | None) -> None:
    pairs = {name: {(row["user_id"], row["item_id"]) for row in part} for name, part in parts.items()}
    assert not pairs["train"] & pairs["valid"]
    assert not pairs["train"] & pairs["test"]
    assert not pairs["valid"] & pairs["test"]
    kept = Counter(key(row) for part in parts.values() for row in part)
    assert not kept - Counter(key(row) for row in before)
    assert len(before) == sum(kept.values()) + sum(dropped.values())
    assert not target or all(row["event"] == target for name in ("valid", "test") for row in parts[name])


def check_time(parts: dict, method: str, carved: str) -> None:
    if method == "global_temporal":
        valid = [row["timestamp"] for row in parts["valid"]]
        assert max(row["timestamp"] for row in parts["train"]) < min(valid)
        assert max(valid) < min(row["timestamp"] for row in parts["test"])
        return
    checked = [("train", "valid")] if carved in TEMPORAL else []
    checked += [("train", "test"), ("valid", "test")] if method in TEMPORAL else []
    for earlier, later in checked:
        first = defaultdict(lambda: float("inf"))
        for row in parts[later]:
            first[row["user_id"]] = min(first[row["user_id"]], row["timestamp"])
        assert all(row["timestamp"] <= first[row["user_id"]] for row in parts[earlier])


def assigned(table: ibis.Table, seed: int, **params: Any) -> dict[tuple[str, str], str]:
    section = Split(**params)
    rows = assign(table, section, carving(table, section), seed).to_pyarrow().to_pylist()
    return {(row["user_id"], row["item_id"]): row["split"] for row in rows}


def labels(make: Make, rows: list, **params: Any) -> dict[tuple[str, str], str]:
    return assigned(make(rows), 7, **params)


def test_per_user_temporal_takes_the_last_of_each_user_and_rounds_half_up(make: Make) -> None:
    rows = [("long", str(n), n) for n in range(25)] + [("two", "0", 5), ("two", "1", 6), ("one", "0", 1)]
    found = labels(make, rows, valid=0.1, test=0.1)
    assert [n for n in range(25) if found["long", str(n)] == "test"] == [22, 23, 24]
    assert [n for n in range(25) if found["long", str(n)] == "valid"] == [19, 20, 21]
    assert (found["two", "0"], found["two", "1"], found["one", "0"]) == ("train", "test", "train")


def test_ties_in_time_are_broken_by_item_id(make: Make) -> None:
    found = labels(make, [("a", item, 1) for item in "dbca"], method="leave_one_out")
    assert found == {("a", "a"): "train", ("a", "b"): "train", ("a", "c"): "valid", ("a", "d"): "test"}


def test_leave_one_out_holds_one_row_a_user_in_test_and_valid(make: Make) -> None:
    rows = [(user, str(n), n) for user in "ab" for n in range(5)]
    counts = Counter(labels(make, rows, method="leave_one_out").values())
    assert counts == {"train": 6, "valid": 2, "test": 2}


def test_a_global_cut_never_shares_a_second(make: Make) -> None:
    rows = [(str(n), str(n), n // 4) for n in range(20)]
    found = labels(make, rows, method="global_temporal", valid=0.2, test=0.3)
    times = {name: {n // 4 for n in range(20) if found[str(n), str(n)] == name} for name in ("train", "valid", "test")}
    assert times == {"train": {0, 1}, "valid": {2}, "test": {3, 4}}


def test_a_random_split_is_the_md5_of_seed_user_and_item(make: Make) -> None:
    rows = [(f"u{n % 9}", f"i{n}", None) for n in range(200)]
    found = labels(make, rows, method="random", valid=0.25, test=0.25)

    def share(user: str, item: str) -> float:
        digest = hashlib.md5(f"7\x1f{user}\x1f{item}".encode()).hexdigest()
        return int(digest[:13], 16) / 16**13

    expected = {pair: "test" if share(*pair) < 0.25 else "valid" if share(*pair) < 0.5 else "train" for pair in found}
    assert found == expected
    assert 30 < Counter(found.values())["test"] < 70


def test_a_random_split_changes_with_the_seed_and_not_with_other_rows(make: Make) -> None:
    rows = [("a", str(n), None) for n in range(60)]
    all_rows, half = make(rows), make(rows[:30])
    shares = {"method": "random", "valid": 0.2, "test": 0.2}
    first = assigned(all_rows, 1, **shares)
    assert first != assigned(all_rows, 2, **shares)
    assert assigned(half, 1, **shares) == {pair: part for pair, part in first.items() if int(pair[1]) < 30}


def test_only_the_target_event_is_sealed_and_other_events_give_nothing_away(make: Make) -> None:
    rows = [
        ("a", "1", 1, None, "buy"),
        ("a", "2", 2, None, "buy"),
        ("a", "3", 3, None, "view"),
        ("a", "3", 5, None, "buy"),
        ("a", "4", 9, None, "view"),
        ("a", "5", 0, None, "view"),
    ]
    sealed = split(make(rows), Split(target_event="buy"), seed=1)
    parts = {name: sorted(map(key, part.to_pyarrow().to_pylist())) for name, part in sealed.parts.items()}
    assert [row[1] for row in parts["test"]] == ["3"]
    assert [row[1] for row in parts["valid"]] == ["2"]
    assert [row[1] for row in parts["train"]] == ["1", "5"]
    assert sealed.dropped["shared_pairs_from_train"] == 1
    assert sealed.dropped["future_rows_from_train"] == 1


def test_a_pair_that_a_given_split_holds_twice_stays_in_the_later_split(make: Make) -> None:
    rows = [
        ("a", "1", None, None, "x", "train"),
        ("a", "2", None, None, "x", "train"),
        ("a", "3", None, None, "x", "train"),
    ]
    rows += [
        ("a", "2", None, None, "x", "valid"),
        ("a", "3", None, None, "x", "valid"),
        ("a", "3", None, None, "x", "test"),
    ]
    sealed = split(make(rows), Split(method="given"), seed=1)
    found = {name: part.to_pyarrow()["item_id"].to_pylist() for name, part in sealed.parts.items()}
    assert found == {"train": ["1"], "valid": ["2"], "test": ["3"]}
    assert sealed.dropped["shared_pairs_from_train"] == 2
    assert sealed.dropped["shared_pairs_from_valid"] == 1


@pytest.mark.parametrize(("time", "carved"), [(None, "random"), (5, "per_user_temporal")])
def test_valid_is_carved_from_a_given_train_and_never_from_test(make: Make, time: int | None, carved: str) -> None:
    rows = [("a", str(n), time and time + n, None, "x", "train") for n in range(40)] + [
        ("a", "t", None, None, "x", "test")
    ]
    params = Split(method="given", valid=0.25)
    table = make(rows)
    assert carving(table, params) == carved
    sealed = split(table, params, seed=3)
    found = {name: set(part.to_pyarrow()["item_id"].to_pylist()) for name, part in sealed.parts.items()}
    assert found["test"] == {"t"}
    assert found["train"] | found["valid"] == {str(n) for n in range(40)}
    if carved == "per_user_temporal":
        assert found["valid"] == {str(n) for n in range(30, 40)}


def test_valid_is_the_end_of_ordered_lists_where_a_given_train_has_no_times(make: Make) -> None:
    lists = {"a": "583179426", "b": "21"}
    rows = [(user, item, None, None, "x", "train", at) for user in lists for at, item in enumerate(lists[user])]
    table = make([*rows, ("a", "t", None, None, "x", "test", 0)])
    params = Split(method="given", valid=0.3)
    sealed = split(table, params, seed=3)
    found = {(row["user_id"], row["item_id"]) for row in sealed.parts["valid"].to_pyarrow().to_pylist()}
    assert sealed.carved == "end_of_list"
    assert found == {("a", "4"), ("a", "2"), ("a", "6"), ("b", "1")}
    assert split(table, params.model_copy(update={"carve": "random"}), seed=3).carved == "random"


@pytest.mark.parametrize(
    ("rows", "params", "says"),
    [
        ([("a", "1"), ("a", "2", 4)], {}, "needs a timestamp on every interaction, but 1 of 2 rows"),
        ([("a", "1", 1)], {"method": "given"}, r"Found: none \(1 rows\)"),
        ([("a", "1", 1, None, "x", "train")], {"method": "given"}, r"Found: train \(1 rows\)"),
        ([("a", "1", 1), ("b", "1", 2)], {}, "leaves no interactions in valid"),
        ([("a", "1", 1, None, "view")], {"target_event": "buy"}, "Known: view"),
        ([(str(n), str(n), 7) for n in range(9)], {"method": "global_temporal"}, "leaves no interactions in train"),
    ],
)
def test_a_split_that_cannot_be_made_says_what_to_change(make: Make, rows: list, params: dict, says: str) -> None:
    with pytest.raises(UserError, match=says):
        split(make(rows), Split(**params), seed=1)
