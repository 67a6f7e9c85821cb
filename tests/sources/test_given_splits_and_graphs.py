"""RecBole atomic files and LightGCN text, with their splits, side tables and graphs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_files import lines, read_files, recbole

from recsmith.errors import UserError


def atomic(folder: Path) -> Path:
    recbole(folder / "shop.inter")
    lines(folder / "shop.item", "item_id:token\tmovie_title:token_seq\tyear:token", '1\tA "B" story\t1995', "3\t\t1996")
    lines(folder / "shop.user", "user_id:token\tage:token", "007\t31")
    lines(folder / "shop.kg", "head_id:token\trelation_id:token\ttail_id:token", "m.1\tmade_by\tm.2", "m.9\tin\t1")
    lines(folder / "shop.link", "item_id:token\tentity_id:token", "1\tm.1", "3\tm.3")
    lines(folder / "shop.net", "source_id:token\ttarget_id:token", "007\t8")
    return folder


def test_a_folder_of_atomic_files_is_read_whole(tmp_path: Path) -> None:
    found = read_files(tmp_path, path=str(atomic(tmp_path)), format="recbole")
    assert found.interactions.num_rows == 4
    assert found.items.to_pylist() == [
        {"item_id": "1", "title": 'A "B" story', "year": "1995"},
        {"item_id": "3", "title": None, "year": "1996"},
    ]
    assert found.users.to_pylist() == [{"user_id": "007", "age": "31"}]
    assert found.social.to_pylist() == [{"user_id": "007", "friend_id": "8", "weight": None}]


def test_triples_name_items_by_their_ids_and_nothing_else_like_an_item(tmp_path: Path) -> None:
    triples = read_files(tmp_path, path=str(atomic(tmp_path)), format="recbole").knowledge.to_pylist()
    assert triples == [
        {"head": "1", "relation": "made_by", "tail": "m.2"},
        {"head": "m.9", "relation": "in", "tail": "entity:1"},
    ]


def test_a_single_atomic_file_is_read_alone(tmp_path: Path) -> None:
    atomic(tmp_path)
    found = read_files(tmp_path, path="shop.inter", format="recbole")
    assert (found.interactions.num_rows, found.items.num_rows) == (4, 0)


def test_benchmark_files_of_recbole_are_a_given_split(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        recbole(tmp_path / f"shop.{part}.inter")
    found = read_files(tmp_path, path=".", format="recbole").interactions["split"].to_pylist()
    assert sorted(set(found)) == ["test", "train", "valid"]


def test_two_atomic_data_sets_side_by_side_are_not_guessed_between(tmp_path: Path) -> None:
    recbole(tmp_path / "a.inter")
    recbole(tmp_path / "b.inter")
    with pytest.raises(UserError, match=r"several data sets: a\.inter, b\.inter"):
        read_files(tmp_path, path=".", format="recbole")


def test_a_header_without_types_is_no_atomic_file(tmp_path: Path) -> None:
    lines(tmp_path / "a.inter", "user_id\titem_id", "1\t2")
    with pytest.raises(UserError, match="RecBole's header is due"):
        read_files(tmp_path, path="a.inter", format="recbole")


def test_lightgcn_text_keeps_its_split_and_users_without_items(tmp_path: Path) -> None:
    lines(tmp_path / "train.txt", "0 5 7 9", "1 5", "2 ")
    lines(tmp_path / "test.txt", "0 8", "1 7 9 10")
    found = read_files(tmp_path, path=".", format="lightgcn")
    rows = [(row["user_id"], row["item_id"], row["split"]) for row in found.interactions.to_pylist()]
    assert rows[:4] == [("0", "5", "train"), ("0", "7", "train"), ("0", "9", "train"), ("1", "5", "train")]
    assert rows[4:] == [("0", "8", "test"), ("1", "7", "test"), ("1", "9", "test"), ("1", "10", "test")]
    assert found.users["user_id"].to_pylist() == ["2"]


def test_lists_that_are_not_sorted_keep_the_place_of_each_item_and_a_further_line_of_a_user_goes_on(
    tmp_path: Path,
) -> None:
    lines(tmp_path / "log.txt", "0 7 5 9", "1 8 2", "0 4 6 1")
    found = read_files(tmp_path, path="log.txt", format="lightgcn")
    assert found.interactions["position"].to_pylist() == [0, 1, 2, 0, 1, 3, 4, 5]
    assert any("their order is kept" in note for note in found.notes)


@pytest.mark.parametrize("content", [["0 5 7 9", "1 2 10 30", "2 8 4"], ["0 a b c"]])
def test_sorted_lists_have_no_places(tmp_path: Path, content: list[str]) -> None:
    lines(tmp_path / "log.txt", *content)
    found = read_files(tmp_path, path="log.txt", format="lightgcn")
    assert found.interactions["position"].null_count == found.interactions.num_rows
    assert found.notes == ()


def test_a_column_called_position_is_not_taken_for_a_place_in_a_list(tmp_path: Path) -> None:
    lines(tmp_path / "log.csv", "user_id,item_id,position", "a,x,top")
    found = read_files(tmp_path, path="log.csv", format="delimited", files=[{"delimiter": ","}])
    assert found.interactions["position"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (["2 51 13883", "2 52 11690", "4 51 228"], "rows such as 'user item count'.*format: delimited"),
        (["user items", "0 1 2", "1 4"], "looks like a header"),
        (["0,1,2", "1,4"], "Is it delimited"),
    ],
)
def test_what_only_looks_like_lightgcn_text_is_refused(tmp_path: Path, content: list[str], said: str) -> None:
    lines(tmp_path / "train.txt", *content)
    with pytest.raises(UserError, match=said):
        read_files(tmp_path, path="train.txt", format="lightgcn")


def test_a_lightgcn_folder_needs_train_and_test(tmp_path: Path) -> None:
    lines(tmp_path / "train.txt", "0 1 2 3")
    with pytest.raises(UserError, match=r"train\.txt and test\.txt are due.*It holds: train\.txt"):
        read_files(tmp_path, path=".", format="lightgcn")


def test_formats_may_differ_from_file_to_file(tmp_path: Path) -> None:
    lines(tmp_path / "train.txt", "0 5 7 9", "1 5")
    lines(tmp_path / "names.csv", "item_id,title", "5,Tea")
    files = [{"file": "train.txt"}, {"file": "names.csv", "role": "items", "format": "delimited"}]
    found = read_files(tmp_path, path=".", format="lightgcn", files=files)
    assert (found.interactions.num_rows, found.items.to_pylist()) == (4, [{"item_id": "5", "title": "Tea"}])


HISTORIES = st.dictionaries(st.integers(0, 50), st.lists(st.integers(0, 99), max_size=6), min_size=1, max_size=15)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(HISTORIES)
def test_every_pair_of_lightgcn_text_is_read_once_and_in_order(tmp_path: Path, people: dict[int, list[int]]) -> None:
    if not any(people.values()):
        people = {**people, next(iter(people)): [1]}
    lines(tmp_path / "log.txt", *(" ".join(map(str, (user, *items))) for user, items in people.items()))
    rows = read_files(tmp_path, path="log.txt", format="lightgcn").interactions
    due = [(str(user), str(item)) for user, items in people.items() for item in items]
    assert list(zip(rows["user_id"].to_pylist(), rows["item_id"].to_pylist(), strict=True)) == due


COUNTS = {
    "ml-100k": ({"format": "recbole"}, (943, 1682, 100_000), 91_631),
    "gowalla": ({"format": "lightgcn"}, (29_858, 40_981, 810_128 + 217_242), 0),
}


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_real_data_has_the_published_counts(mirror: Path, name: str) -> None:
    section, (users, items, rows), triples = COUNTS[name]
    found = read_files(mirror, path=name, **section)
    log = found.interactions
    assert (log["user_id"].combine_chunks().unique().__len__(), log.num_rows) == (users, rows)
    assert len(log["item_id"].combine_chunks().unique()) == items
    assert found.knowledge.num_rows == triples


def test_counts_in_place_of_items_are_told_apart_on_real_data(mirror: Path) -> None:
    files = [{"file": "data1.txt", "role": "train"}, {"file": "test1.txt", "role": "test"}]
    with pytest.raises(UserError, match="user item count"):
        read_files(mirror, path="lastfm_lightgcn", format="lightgcn", files=files)
