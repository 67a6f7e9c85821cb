"""A person is found by what files hold, and rows of nobody else are touched."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from serving.small_bundles import N_USERS, make_bundle

from recsmith.config.ingest import FileSpec
from recsmith.privacy import bundles
from recsmith.privacy.keys import Key
from recsmith.privacy.person import Person, person
from recsmith.privacy.pseudonyms import Pseudonyms
from recsmith.privacy.traces import erase, found
from recsmith.serving.bundle import load

MAKER = Pseudonyms(Key("K", b"a key that nobody guesses"))
FIVE = person("5", MAKER, [FileSpec(columns={"user_id": "userId"})])
ANN = person("ann.lee@example.org", MAKER)


def check(path: Path, who: Person, rows: int, spec: FileSpec | None = None) -> None:
    """Found, erased, and found no more."""
    assert found(path, who, spec) == rows
    assert erase(path, who, spec) == rows
    assert found(path, who, spec) == 0


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.int64()])
def test_rows_of_a_parquet_file_go_by_the_columns_of_people(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "x.parquet"
    columns = {
        name: pa.array(values).cast(kind) for name, values in {"userId": [5, 6, 5], "movieId": [1, 5, 5]}.items()
    }
    pq.write_table(pa.table(columns), path)
    check(path, FIVE, 2)
    assert pq.read_table(path).cast(pa.schema([("userId", pa.int64()), ("movieId", pa.int64())])).to_pylist() == [
        {"userId": 6, "movieId": 5}
    ]


def test_a_distinctive_name_is_found_in_any_column_of_text(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(
        pa.table({"id": ["ann.lee@example.org", MAKER.of("ann.lee@example.org"), "bob"], "n": [1, 2, 3]}), path
    )
    check(path, ANN, 2)
    assert pq.read_table(path)["n"].to_pylist() == [3]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("text", "spec", "left"),
    [
        ("userId,movieId\n5,1\n6,5\n5,9\n", None, "userId,movieId\n6,5\n"),
        ('user_id\ttitle\n5\t"two\nlines"\n6\t"5\n5\t5"\n5\tx', None, 'user_id\ttitle\n6\t"5\n5\t5"\n'),
        ("5::1::3\n6::5::5\n5::1::1\n", FileSpec(delimiter="::", header=False, columns={"user_id": "0"}), "6::5::5\n"),
        ("user_id:token\titem_id:token\n5\t1\n6\t5\n5\t2\n", None, "user_id:token\titem_id:token\n6\t5\n"),
        ('{"userId": 5, "i": 1}\n{"userId": 6, "i": 5}\n{"userId": 5.0}\n', None, '{"userId": 6, "i": 5}\n'),
        ("5 1 2\n6 5 5\n5 7\n", FileSpec(format="lightgcn"), "6 5 5\n"),
    ],
)  # fmt: skip
def test_records_of_text_go_and_all_others_stay_byte_for_byte(
    tmp_path: Path, text: str, spec: FileSpec | None, left: str, packed: bool
) -> None:
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    check(path, FIVE, 2, spec)
    content = path.read_bytes()
    assert (gzip.decompress(content) if packed else content).decode() == left


def test_a_short_id_is_no_word_to_search_for_and_its_pseudonym_is(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("user 5 and 5 more")
    assert found(path, FIVE) == 0
    path.write_text(f"user {MAKER.of('5')} and {MAKER.of('6')}")
    assert found(path, FIVE) == 1
    path.write_bytes(b"\0\1 ann.lee@example.org\0 and joann.lee@example.org")
    assert found(path, ANN) == 1
    assert erase(path, ANN) == 0


@pytest.mark.parametrize("family", ["filter", "gnn"])
@pytest.mark.parametrize("user", [0, 5, 11])
def test_a_bundle_forgets_one_person_and_answers_all_others_as_before(tmp_path: Path, family: str, user: int) -> None:
    folder = make_bundle(tmp_path / "b", family)
    before, part = load(folder), folder / "people/tensors.safetensors"
    who = Person(frozenset({f"u{user}"}))
    assert found(part, who) == 1
    assert bundles.forget(folder, who) == 1
    assert found(part, who) == 0
    after = load(folder)
    assert f"u{user}" not in list(after.users)
    assert after.manifest["users"] == N_USERS - 1
    assert after.manifest["digest"] != before.manifest["digest"]
    assert after.manifest["parts"]["model"] == before.manifest["parts"]["model"]
    others = [f"u{n}" for n in range(N_USERS) if n != user]
    np.testing.assert_array_equal(after.recommend(others, 5).items, before.recommend(others, 5).items)
    np.testing.assert_array_equal(after.recommend(others, 5).scores, before.recommend(others, 5).scores)
    assert bundles.forget(folder, who) == 0
