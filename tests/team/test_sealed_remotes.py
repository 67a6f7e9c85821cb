"""Encrypted remotes: what lies there says nothing, and keys and plain objects are never mixed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from small_projects import alter, clone, done, fetched, object_of, sent, set_remote
from ssh_servers import Server

from recsmith.errors import UserError
from recsmith.files import file_hash
from recsmith.privacy.keys import Key
from recsmith.privacy.names import Names
from recsmith.privacy.sealing import VARIABLE
from tools.intact import objects, tracked
from tools.remotes import transfer
from tools.remotes.sealed import MARKER

SECRET, OTHER = "a key that nobody guesses", "another key, quite as long"
KEY, STRANGER = (Key(VARIABLE, secret.encode()) for secret in (SECRET, OTHER))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)


@pytest.fixture(scope="session")
def telling(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose contents can be told from all else."""
    project = Path(shutil.copytree(made, tmp_path_factory.mktemp("telling") / "project"))
    (project / "source/a").write_text("person-7 watched this", encoding="utf-8")
    done(project, "dvc", "add", "-q", "source")
    done(project, "dvc", "repro", "-q")
    return project


@pytest.fixture
def project(telling: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(telling, tmp_path / "project"))


@pytest.fixture
def store(project: Path, tmp_path: Path) -> Path:
    """An empty local remote of ``project``."""
    set_remote(project, str(tmp_path / "store"))
    return tmp_path / "store"


def place(store: Path, project: Path, path: str) -> Path:
    object_ = object_of(project, path)
    name = Names(KEY).name(object_.parent.name + object_.name)
    return store / "sealed" / name[:2] / name[2:]


def check_nothing_shows(store: Path, project: Path) -> None:
    """Neither content nor md5 of any object, nor a listing's words."""
    md5s = {path.parent.name + path.name for path in objects(project).glob("??/*")}
    files = [path for path in store.rglob("*") if path.is_file()]
    assert len(files) == 3 + len([MARKER])
    for path in files:
        content = path.read_bytes()
        assert not any(word in content for word in (b"person-7", b"relpath", SECRET.encode()))
        assert not any(md5[:32].encode() in content or md5[2:32] in str(path) for md5 in md5s)
        assert file_hash(path, "md5") not in path.name


def test_what_is_sent_shows_nothing_and_comes_back_byte_for_byte(
    project: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "BATCH", 1)
    assert "push: 3 files (0.0 MB) sent, 0 were there already" in sent(project)
    assert "0 files (0.0 MB) sent, 3 were there already" in sent(project)
    check_nothing_shows(store, project)
    assert json.loads((store / MARKER).read_text(encoding="utf-8"))["key"] == KEY.fingerprint
    fresh = clone(project)
    assert "pull: 3 files (0.0 MB) fetched, 0 were here already" in fetched(fresh)
    assert (fresh / "folder/a").read_text(encoding="utf-8") == "person-7 watched this"
    assert {path.stat().st_mode & 0o777 for path in objects(fresh).glob("??/*")} == {0o444}
    assert "Running stage" not in done(fresh, "dvc", "repro")


def test_a_wrong_key_and_none_are_refused_by_name_both_ways(
    project: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(project)
    before = sorted(store.rglob("*"))
    monkeypatch.setenv(VARIABLE, OTHER)
    wrong = rf"remote 'team' .* is encrypted with the key {KEY.fingerprint}, and RECSMITH_KEY holds the key"
    for way in (sent, fetched):
        with pytest.raises(UserError, match=f"{wrong} {STRANGER.fingerprint}"):
            way(project)
    monkeypatch.delenv(VARIABLE)
    for way in (sent, fetched):
        with pytest.raises(UserError, match=f"with the key {KEY.fingerprint}. Set the environment variable RECSM"):
            way(project)
    assert sorted(store.rglob("*")) == before


def test_plain_and_encrypted_objects_never_mix(project: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    sent(project)
    monkeypatch.setenv(VARIABLE, SECRET)
    for way in (sent, fetched):
        with pytest.raises(UserError, match=r"remote 'team' .* is not encrypted, and RECSMITH_KEY is set"):
            way(project)
    assert not (store / MARKER).exists()
    shutil.rmtree(store)
    sent(project)
    done(project, "dvc", "push", "-q")
    with pytest.raises(UserError, match="somebody has put plain objects beside"):
        sent(project)


def test_altered_and_exchanged_objects_are_named_and_not_kept(project: Path, store: Path) -> None:
    sent(project)
    fresh = clone(project)
    file, folder = place(store, project, "file"), place(store, project, "folder")
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(UserError, match=rf"remote 'team' .*: sealed/{file.parent.name}/{file.name} was altered"):
        fetched(fresh)
    file.write_bytes(folder.read_bytes())
    with pytest.raises(UserError, match="holds something else, encrypted with our key"):
        fetched(fresh)
    assert not object_of(fresh, "file").exists()
    file.unlink()
    with pytest.raises(UserError, match="neither here nor there"):
        fetched(fresh)
    sent(project)
    fetched(fresh)
    assert object_of(fresh, "file").read_bytes() == object_of(project, "file").read_bytes()


def test_a_damaged_marker_is_named(project: Path, store: Path) -> None:
    sent(project)
    alter(store / MARKER)
    with pytest.raises(UserError, match=f"{MARKER} is damaged"):
        fetched(project)


def test_nothing_on_an_empty_remote_is_made_by_a_pull(project: Path, store: Path) -> None:
    shutil.rmtree(objects(project))
    with pytest.raises(UserError, match="neither here nor there"):
        fetched(project)
    assert not store.exists()
    assert tracked(project)


def test_raw_ids_that_would_go_to_a_plain_remote_are_said(
    project: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "params.yaml").write_text("ingest: {source: files, path: source, privacy: {pseudonyms: true}}\n")
    assert "WARNING" not in sent(project)
    shutil.rmtree(store)
    monkeypatch.delenv(VARIABLE)
    assert "push: WARNING: source holds people's ids as they were before pseudonyms" in sent(project)
    (project / "params.yaml").write_text("ingest: {source: files, path: source}\n")
    assert "WARNING" not in sent(project)


def test_over_ssh_all_is_the_same(project: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    server.accept()
    set_remote(project, server.url, server.folder / "user")
    assert "3 files (0.0 MB) sent" in sent(project)
    check_nothing_shows(server.folder / "store", project)
    fresh = clone(project)
    shutil.copy(project / ".dvc/config.local", fresh / ".dvc/config.local")
    assert "3 files (0.0 MB) fetched" in fetched(fresh)
    assert "Running stage" not in done(fresh, "dvc", "repro")
    monkeypatch.setenv(VARIABLE, OTHER)
    with pytest.raises(UserError, match=f"is encrypted with the key {KEY.fingerprint}, and RECSMITH_KEY holds"):
        sent(project)
