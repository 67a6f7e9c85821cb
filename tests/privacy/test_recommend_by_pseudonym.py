"""Who holds the key asks by the ids that they know; nobody else learns anything."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from serving.small_bundles import N_USERS, make_bundle

from recsmith.__main__ import main
from recsmith.privacy.keys import Key
from recsmith.privacy.pseudonyms import Pseudonyms

VARIABLE = "RECSMITH_PSEUDONYM_KEY"
SECRET = "a key that nobody guesses"
MAKER = Pseudonyms(Key(VARIABLE, SECRET.encode()))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundle", ids=[MAKER.of(f"u{n}") for n in range(N_USERS)])


def asked(bundle: Path, ids: list[str]) -> tuple[int, Path]:
    users, out = bundle.parent / "users.txt", bundle.parent / "top.parquet"
    users.write_text("\n".join(ids))
    return main(["recommend", "--bundle", str(bundle), "--users", str(users), "--k", "3", "--out", str(out)]), out


def test_the_lists_are_those_of_a_bundle_without_pseudonyms_and_carry_the_ids_that_were_given(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plain").mkdir()
    ids = ["u3", "stranger", "u0"]
    plain = pq.read_table(asked(make_bundle(tmp_path / "plain/bundle"), ids)[1])
    monkeypatch.setenv(VARIABLE, SECRET)
    status, out = asked(bundle, ids)
    assert status == 0
    assert pq.read_table(out).equals(plain)
    assert "popularity list (1): stranger" in capsys.readouterr().err


def test_pseudonyms_themselves_need_no_key(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    status, out = asked(bundle, [MAKER.of("u1")])
    assert status == 0
    assert set(pq.read_table(out)["user_id"].to_pylist()) == {MAKER.of("u1")}


def test_without_the_key_it_says_which_one_is_due(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert asked(bundle, ["u1"])[0] == 1
    told = capsys.readouterr().err
    assert f"by pseudonyms of the key {MAKER.key.fingerprint}. Set the environment variable {VARIABLE}" in told


def test_a_wrong_key_is_refused_by_name(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "another key, quite as long")
    wrong = Key(VARIABLE, b"another key, quite as long").fingerprint
    assert asked(bundle, ["u1"])[0] == 1
    assert f"of the key {MAKER.key.fingerprint}, and {VARIABLE} holds the key {wrong}" in capsys.readouterr().err
