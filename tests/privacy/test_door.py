"""What ingest.privacy does to the tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsmith.__main__ import main
from recsmith.config.base import parse
from recsmith.config.edit import parsed
from recsmith.config.ingest import Ingest, Privacy
from recsmith.errors import UserError
from recsmith.privacy import tombstones
from recsmith.privacy.door import guard
from recsmith.privacy.keys import Key, from_environment
from recsmith.privacy.pseudonyms import FORM, Pseudonyms, fingerprint
from recsmith.privacy.tombstones import Tombstones
from recsmith.sources.contract import Tables, stacked

VARIABLE = "RECSMITH_PSEUDONYM_KEY"
SECRET, OTHER = "a key that nobody guesses", "another key, quite as long"
MAKER, STRANGER = (Pseudonyms(Key(VARIABLE, secret.encode())) for secret in (SECRET, OTHER))
DAY = 86_400


def tables() -> Tables:
    log = {
        "user_id": ["ann", "bob", "ann", "cy", None],
        "item_id": ["i1", "i1", "i2", "i3", "i1"],
        "timestamp": [10 * DAY, 9 * DAY, None, 2 * DAY, 10 * DAY],
    }
    users = {"user_id": ["ann", "bob", "cy"], "city": ["A", "B", "C"], "age": ["1", "2", "3"]}
    items = {"item_id": ["i1", "i2"], "title": ["One", "Two"], "maker": ["x", "y"]}
    social = {"user_id": ["ann", "cy", "bob"], "friend_id": ["bob", "ann", "ann"]}
    held = {"interactions": log, "users": users, "items": items, "social": social}
    return Tables(**{name: stacked(name, [pa.table(columns)]) for name, columns in held.items()})


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)


def test_the_defaults_change_nothing_and_ask_for_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    before = tables()
    assert guard(before, Privacy(), Tombstones()) == (before, {})


@pytest.mark.usefixtures("key")
def test_every_table_that_holds_people_gets_the_same_pseudonyms() -> None:
    after, done = guard(tables(), Privacy(pseudonyms=True), Tombstones())
    ann, bob, cy = (MAKER.of(name) for name in ("ann", "bob", "cy"))
    assert after.interactions["user_id"].to_pylist() == [ann, bob, ann, cy, None]
    assert after.users["user_id"].to_pylist() == [ann, bob, cy]
    assert after.social["user_id"].to_pylist() == [ann, cy, bob]
    assert after.social["friend_id"].to_pylist() == [bob, ann, ann]
    assert after.interactions["item_id"].to_pylist() == tables().interactions["item_id"].to_pylist()
    assert done == {"pseudonyms": {"key": MAKER.key.fingerprint, "people": 3}}


@settings(deadline=None)
@given(st.lists(st.text(), unique=True, min_size=1, max_size=5))
def test_a_pseudonym_is_one_to_one_repeats_itself_and_shows_nothing(names: list[str]) -> None:
    made = [MAKER.of(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(FORM.fullmatch(name) for name in made)
    assert [MAKER.of(name) for name in made] == made
    assert {STRANGER.of(name) for name in names}.isdisjoint(made)


def test_a_missing_key_and_a_short_one_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(
        UserError, match=f"ingest.privacy.pseudonyms needs a key. Set the environment variable {VARIABLE}"
    ):
        guard(tables(), Privacy(pseudonyms=True), Tombstones())
    monkeypatch.setenv(VARIABLE, "short")
    with pytest.raises(UserError, match=f"The key in {VARIABLE} has 5 characters") as caught:
        guard(tables(), Privacy(pseudonyms=True), Tombstones())
    assert "short" not in str(caught.value)


@pytest.mark.usefixtures("key")
def test_a_changed_key_is_noticed_where_pseudonyms_would_mix() -> None:
    mine, theirs = MAKER.key.fingerprint, STRANGER.key.fingerprint
    wanted = f"of the key {theirs}, and {VARIABLE} holds the key {mine}"
    foreign = Tables(
        interactions=stacked("interactions", [pa.table({"user_id": [STRANGER.of("ann")], "item_id": ["i"]})])
    )
    with pytest.raises(UserError, match=wanted):
        guard(foreign, Privacy(pseudonyms=True), Tombstones())
    with pytest.raises(UserError, match=wanted):
        guard(tables(), Privacy(pseudonyms=True, key_fingerprint=theirs), Tombstones())
    with pytest.raises(UserError, match=wanted):
        guard(tables(), Privacy(), Tombstones().with_one("ann", STRANGER))


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("pseudonyms", [False, True])
def test_somebody_forgotten_who_comes_in_again_is_dropped_from_all_tables(pseudonyms: bool, tmp_path: Path) -> None:
    tombstones.write(tmp_path / "forgotten.json", Tombstones().with_one("ann", MAKER))
    assert "ann" not in (tmp_path / "forgotten.json").read_text()
    assert MAKER.of("ann") not in (tmp_path / "forgotten.json").read_text()
    after, done = guard(tables(), Privacy(pseudonyms=pseudonyms), tombstones.read(tmp_path / "forgotten.json"))
    bob, cy = (MAKER.of(name) if pseudonyms else name for name in ("bob", "cy"))
    assert after.interactions["user_id"].to_pylist() == [bob, cy, None]
    assert after.users["user_id"].to_pylist() == [bob, cy]
    assert after.social.num_rows == 0
    assert done["forgotten"] == {"people": 1, "interactions": 2}


def test_a_tombstone_recognises_the_pseudonym_as_well_as_the_name() -> None:
    assert MAKER.tombstone("ann") == MAKER.tombstone(MAKER.of("ann")) != MAKER.tombstone("bob")


def test_events_older_than_the_window_go_and_with_them_people_who_have_none_left() -> None:
    after, done = guard(tables(), Privacy(retain_days=5), Tombstones())
    assert after.interactions["user_id"].to_pylist() == ["ann", "bob", "ann", None]
    assert after.users["user_id"].to_pylist() == ["ann", "bob"]
    assert after.social["user_id"].to_pylist() == ["ann", "bob"]
    assert done["retention"] == {
        "days": 5, "first": 5 * DAY, "newest": 10 * DAY, "interactions": 1, "people": 1
    }  # fmt: skip


def test_dropped_columns_are_gone_and_a_title_is_emptied() -> None:
    after, done = guard(tables(), Privacy(drop={"users": ["age"], "items": ["title", "maker"]}), Tombstones())
    assert after.users.column_names == ["user_id", "city"]
    assert after.items.column_names == ["item_id", "title"]
    assert after.items["title"].to_pylist() == [None, None]
    assert done == {"dropped_columns": {"users": ["age"], "items": ["maker", "title"]}}


@pytest.mark.parametrize("column", ["ages", "user_id"])
def test_a_column_that_cannot_be_dropped_is_an_error_with_the_known_ones(column: str) -> None:
    with pytest.raises(UserError, match=rf"ingest.privacy.drop.users\[0\] = '{column}' is unknown. Known: age, city."):
        guard(tables(), Privacy(drop={"users": [column]}), Tombstones())


@pytest.mark.parametrize(
    "value",
    [
        {"privacy": {"key_variable": "s3cret-value"}},
        {
            "source": "sql",
            "path": "x.db",
            "sql": {"query": "select 1", "dsn_variable": "postgresql://u:s3cret-value@h/d"},
        },
    ],
)
def test_a_secret_written_where_its_variable_is_due_is_refused_and_not_shown(value: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="the name of an environment variable is due") as caught:
        parse(value, Ingest, "ingest")
    assert "s3cret" not in str(caught.value)


def test_a_key_does_not_show_itself() -> None:
    made = Key(VARIABLE, SECRET.encode())
    assert SECRET not in f"{made!r} {made}"
    assert fingerprint(MAKER.of("ann")) == made.fingerprint


def test_init_for_another_source_keeps_what_privacy_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n1,2,964982703\n2,2,964982704\n")
    (tmp_path / "params.yaml").write_text("ingest:\n  source: demo\n  privacy: {pseudonyms: true}\n")
    assert main(["init", str(tmp_path / "log.csv"), "--params", str(tmp_path / "params.yaml"), "--yes"]) == 0
    assert parsed((tmp_path / "params.yaml").read_text())["ingest"]["privacy"] == {"pseudonyms": True}
    assert "pseudonyms" not in capsys.readouterr().out


def test_a_damaged_list_of_forgotten_people_is_named(tmp_path: Path) -> None:
    (tmp_path / "forgotten.json").write_text(json.dumps({"people": []}))
    with pytest.raises(UserError, match=r"forgotten.json is not a list of forgotten people"):
        tombstones.read(tmp_path / "forgotten.json")


@pytest.mark.usefixtures("key")
def test_the_key_of_the_environment_is_the_one_that_is_used() -> None:
    assert from_environment(VARIABLE, "").fingerprint == MAKER.key.fingerprint


@pytest.mark.parametrize("given", ["", "short"])
def test_how_a_key_is_made_is_told_only_where_a_new_one_would_do(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, given)
    with pytest.raises(UserError, match="token_hex"):
        from_environment(VARIABLE, "", first=True)
    with pytest.raises(UserError) as told:
        from_environment(VARIABLE, "")
    assert "token_hex" not in str(told.value)
