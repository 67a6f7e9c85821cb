"""The event log and what a champion leaves behind forget somebody, and do not take them in again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from recsmith.privacy import states, tombstones
from recsmith.privacy.keys import Key
from recsmith.privacy.person import person
from recsmith.privacy.pseudonyms import Pseudonyms
from recsmith.privacy.tombstones import Tombstones, within
from recsmith.privacy.traces import erase
from recsmith.retrain import log as event_log
from tools.forget.records import Record, records
from tools.forget.workspace import files

VARIABLE, SECRET = "RECSMITH_PSEUDONYM_KEY", "a key that nobody guesses"
MAKER = Pseudonyms(Key(VARIABLE, SECRET.encode()))
ANN = person("ann", MAKER)


def table(users: list[str], start: int) -> pa.Table:
    columns = {"user_id": users, "item_id": ["i"] * len(users), "timestamp": range(start, start + len(users))}
    return pa.table(columns | {"weight": [1.0] * len(users), "event": ["view"] * len(users)})


def test_the_event_log_without_somebody_is_whole_and_keeps_all_others(tmp_path: Path) -> None:
    log = event_log.read_log(tmp_path)
    for batch, users in enumerate((["ann", "bob"], ["ann", "ann"], ["bob", "cy"])):
        log = event_log.append(tmp_path, log, str(batch), "b", table(users, 10 * batch))
    assert event_log.rewrite(tmp_path, lambda path: erase(path, ANN)) == 3
    after = event_log.read_log(tmp_path)
    assert event_log.events(tmp_path, after.parts)["user_id"].to_pylist() == ["bob", "bob", "cy"]
    assert event_log.damaged(tmp_path, after) == []
    assert {f"parts/{path.name}" for path in (tmp_path / "parts").iterdir()} == {part.file for part in after.parts}
    assert (after.parts[0].rows, after.parts[0].first, len(after.parts)) == (1, 1, 2)
    assert after.batches == log.batches
    assert after.parts[1] == log.parts[2]
    assert event_log.rewrite(tmp_path, lambda path: erase(path, ANN)) == 0
    event_log.append(tmp_path, after, "3", "b", table(["dan"], 40))
    assert event_log.damaged(tmp_path, event_log.read_log(tmp_path)) == []


def test_what_training_starts_from_loses_the_row_of_the_person_and_no_other(tmp_path: Path) -> None:
    folder, rng = tmp_path / "version", np.random.default_rng(0)
    (folder / "final").mkdir(parents=True)
    pq.write_table(pa.table({"user_id": ["ann", "bob", "cy"]}), folder / "users.parquet")
    held = {"embeddings": rng.random((5, 2)), "weight": rng.random((3, 3))}
    save_file(held, folder / "final/learnt.safetensors")
    assert states.forget(folder, person("bob", MAKER)) == 1
    after = load_file(folder / "final/learnt.safetensors")
    np.testing.assert_array_equal(after["embeddings"], held["embeddings"][[0, 2, 3, 4]])
    np.testing.assert_array_equal(after["weight"], held["weight"])
    assert pq.read_table(folder / "users.parquet")["user_id"].to_pylist() == ["ann", "cy"]
    assert states.forget(folder, person("bob", MAKER)) == 0


def test_a_forgotten_person_does_not_enter_the_event_log_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    path = tmp_path / "forgotten.json"
    batch = table(["ann", "bob"], 0)
    assert within(batch, path, VARIABLE).equals(batch)
    tombstones.write(path, Tombstones().with_one("ann", MAKER))
    assert within(batch, path, VARIABLE)["user_id"].to_pylist() == ["bob"]


def test_a_machine_without_git_is_searched_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id\n", encoding="utf-8")
    (tmp_path / "log.csv.dvc").write_text("outs: [{md5: abc, path: log.csv}]\n", encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert records(tmp_path, tmp_path / "runs") == {Record(frozenset(), frozenset({"abc"}))}
    assert [path.name for path in files(tmp_path)] == ["log.csv", "log.csv.dvc"]
