"""Push and pull: what moves, what is refused, and what is said of a remote that does not do its part."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_projects import alter, clone, done, fetched, object_of, sent, set_remote
from ssh_servers import Server

from recsmith.errors import UserError
from tools.intact import tracked
from tools.remotes import ssh, transfer
from tools.remotes.ways import push

NO_FILES = "0 files (0.0 MB)"


@pytest.fixture
def store(project: Path, tmp_path: Path) -> Path:
    """A local remote of ``project``, empty."""
    set_remote(project, str(tmp_path / "store"))
    return tmp_path / "store"


def stored(store: Path, project: Path, path: str) -> Path:
    object_ = object_of(project, path)
    return store / "files/md5" / object_.parent.name / object_.name


def test_a_clone_that_pulls_has_everything_and_repro_runs_nothing(project: Path, store: Path) -> None:
    command = (sys.executable, "-m", "tools.remotes")
    assert "push: 3 files (0.0 MB) sent, 0 were there already" in done(project, *command, "push")
    assert f"{NO_FILES} sent, 3 were there already" in sent(project)
    fresh = clone(project)
    assert "pull: 3 files (0.0 MB) fetched, 0 were here already" in done(fresh, *command, "pull")
    assert (fresh / "folder/b").read_text(encoding="utf-8") == "b"
    assert "Running stage" not in done(fresh, "dvc", "repro")
    assert done(fresh, "git", "status", "--short") == ""


def test_what_the_line_reads_and_nobody_keeps_is_added_and_said(project: Path, store: Path) -> None:
    (project / "source.dvc").unlink()
    assert "source is kept with DVC now: commit source.dvc" in sent(project)
    assert {out.owner for out in tracked(project)} == {"copy", "source.dvc"}
    (project / "source/a").write_text("new", encoding="utf-8")
    done(project, "dvc", "repro", "-q", "--single-item", "copy")
    assert "source is kept with DVC now" in sent(project)
    assert "kept" not in sent(project)


def test_one_target_moves_alone(project: Path, store: Path) -> None:
    assert "1 files (0.0 MB) sent" in sent(project, "file")


def test_an_object_that_was_altered_on_the_remote_is_named_and_not_kept(project: Path, store: Path) -> None:
    sent(project)
    bad = stored(store, project, "file")
    alter(bad)
    fresh = clone(project)
    with pytest.raises(UserError, match=rf"holds other bytes .*: source/a \({bad.parent.name}{bad.name}\)"):
        fetched(fresh)
    assert not object_of(fresh, "file").exists()
    bad.unlink()
    assert "1 files (0.0 MB) sent" in sent(project)
    fetched(fresh)
    assert (fresh / "file").read_text(encoding="utf-8") == "a"


def test_an_altered_listing_on_the_remote_is_not_kept_either(project: Path, store: Path) -> None:
    sent(project)
    alter(stored(store, project, "folder"))
    fresh = clone(project)
    with pytest.raises(UserError, match="the remote holds other bytes than their names say: "):
        fetched(fresh)
    assert not object_of(fresh, "folder").exists()


def test_an_altered_object_of_the_cache_is_not_sent_and_fetched_again(project: Path, store: Path) -> None:
    sent(project)
    alter(object_of(project, "file"))
    with pytest.raises(UserError, match="damaged objects are not sent"):
        sent(project)
    assert "it is fetched again" in fetched(project)
    assert object_of(project, "file").read_text(encoding="utf-8") == "a"


def test_a_file_of_the_workspace_that_somebody_changed_is_kept_and_named(project: Path, store: Path) -> None:
    sent(project)
    fresh = clone(project)
    (fresh / "file").write_text("my own", encoding="utf-8")
    with pytest.raises(UserError, match="file"):
        fetched(fresh)
    assert (fresh / "file").read_text(encoding="utf-8") == "my own"


def test_what_dvc_does_not_bring_out_is_named(project: Path, store: Path) -> None:
    sent(project)
    fresh = clone(project)
    (fresh / ".gitignore").write_text("/source*\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"DVC did not bring it out: source\. Does \.gitignore hide"):
        fetched(fresh)


def test_what_nobody_pushed_is_named(project: Path, store: Path) -> None:
    with pytest.raises(UserError, match=r"neither here nor there: .*Whoever made it has to `make push`"):
        fetched(clone(project))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/nowhere/at/all", "remote 'team' (/nowhere/at/all) cannot be reached: /nowhere/at does not exist. Mount it"),
        ("/sys/recsmith", "remote 'team' (/sys/recsmith): no permission for /sys/recsmith"),
        ("s3://bucket/folder", "remote 'team' (s3://bucket/folder) needs a package: pip install dvc-s3"),
    ],
)
def test_a_remote_that_cannot_be_used_is_named_with_what_to_do(project: Path, url: str, said: str) -> None:
    set_remote(project, url)
    with pytest.raises(UserError) as error:
        sent(project)
    assert str(error.value).startswith(said)


def test_no_remote_and_an_unknown_one_are_refused_by_name_before_anything_is_kept(project: Path) -> None:
    (project / "source.dvc").unlink()
    with pytest.raises(UserError, match=r"no remote is set up. Set one up: dvc remote add"):
        sent(project)
    set_remote(project, "/tmp/x")
    with pytest.raises(UserError, match=r"remote 'other' is unknown. Known: team"):
        sent(project, remote="other")
    assert not (project / "source.dvc").exists()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system with hardly any room."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(project: Path) -> None:
    (project / "source/a").write_bytes(os.urandom(200_000))
    done(project, "dvc", "repro", "-q")


def test_a_full_remote_is_said(project: Path, tiny: Path) -> None:
    fill(project)
    set_remote(project, str(tiny / "store"))
    with pytest.raises(UserError, match=rf"remote 'team' \({tiny}/store\) is full. Free room there"):
        sent(project)


@pytest.fixture
def home(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, and we its client."""
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    return server


def test_over_ssh_the_host_has_to_be_known_and_to_stay_the_same(project: Path, home: Server) -> None:
    set_remote(project, home.url, home.folder / "user")
    name = rf"\[127.0.0.1\]:{home.port}"
    with pytest.raises(UserError, match=f"host key of {name} is unknown: ssh-ed25519 SHA256:.* accept it: ssh-keyscan"):
        sent(project)
    assert not (home.folder / "store").exists()
    home.accept()
    assert "3 files (0.0 MB) sent" in sent(project)
    fresh = clone(project)
    shutil.copy(project / ".dvc/config.local", fresh / ".dvc/config.local")
    assert "3 files (0.0 MB) fetched" in fetched(fresh)
    assert "Running stage" not in done(fresh, "dvc", "repro")
    home.stop()
    home.key("host")
    home.start()
    ssh.forget_connections()
    with pytest.raises(UserError, match=f"the host key of {name} CHANGED: .*ssh-keygen -R"):
        sent(project)


def test_an_ssh_server_that_refuses_is_full_or_away_is_told_apart(
    project: Path, home: Server, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "WAITS", (0.1, 0.1))
    home.accept()
    fill(project)
    url = home.url.replace("/server/store", "/tiny/store")
    set_remote(project, url)
    with pytest.raises(
        UserError, match=r"refuses the login. Name the right key .dvc remote modify --local team keyfile"
    ):
        sent(project)
    set_remote(project, url, home.folder / "user")
    with pytest.raises(UserError, match=f"remote 'team' .{url}. is full"):
        sent(project)
    home.stop()
    ssh.forget_connections()
    lines: list[str] = []
    with pytest.raises(UserError, match=f"remote 'team' .{url}. cannot be reached"):
        push(project, (), None, lines.append)
    assert sum("Trying again" in line for line in lines) == 2
