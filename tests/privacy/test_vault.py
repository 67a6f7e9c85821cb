"""Data at rest: put away and brought back, whole or not at all."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.workspace import WORKSPACE, workspace
from recsmith import locks
from recsmith.__main__ import main
from recsmith.errors import UserError
from recsmith.files import file_hash
from recsmith.privacy.keys import Key
from recsmith.privacy.sealing import VARIABLE
from stages._alone import only_writer
from tools import vault

KEY, STRANGER = (Key(VARIABLE, secret) for secret in (b"a key that nobody guesses", b"another key, quite as long"))
PERSON = b"person-7 watched this"
AWAY = ("data/ingest", "data/raw", "data/loose.json", ".dvc/cache", ".work/train", ".work/wandb", "logs")
STAYS = ("data/README.md", "data/raw.dvc", "data/privacy", ".work/locks", "params.yaml", "logs.dvc")
State = dict[str, tuple[int, str]]


def quiet(text: str) -> None:
    """Say nothing."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    rng = random.Random(0)
    for name in (
        "data/ingest/a.parquet",
        "data/raw/b.csv",
        "data/raw/deep/c",
        ".work/train/x",
        ".work/wandb/y",
        "logs/z",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(PERSON + rng.randbytes(200_000))
    (root / "data/raw/empty").mkdir()
    (root / "data/raw/link").symlink_to(root / "data/raw/b.csv")
    (root / "data/loose.json").write_bytes(PERSON)
    for number in range(20):
        file = root / f".dvc/cache/files/md5/{number:02}/object"
        file.parent.mkdir(parents=True)
        file.write_bytes(PERSON + rng.randbytes(20_000))
        file.chmod(0o444)
    (root / "params.yaml").write_text("ingest: {source: files, path: logs}\n")
    for name in ("data/README.md", "data/privacy/forgotten.json", ".work/locks/stage.lock", ".dvc/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for name in ("data/raw", "logs"):
        (root / f"{name}.dvc").write_text(f"outs: [{{md5: '0', path: {Path(name).name}}}]\n")
    return root


def state(root: Path) -> State:
    """Mode and hash of every file, and where links lead."""
    paths = (path for path in root.rglob("*") if not path.is_dir() or path.is_symlink())
    return {
        path.relative_to(root).as_posix(): (
            path.lstat().st_mode,
            os.readlink(path) if path.is_symlink() else file_hash(path),
        )
        for path in paths
    }


def test_what_holds_interactions_is_away_and_comes_back_as_it_was(project: Path) -> None:
    before = state(project)
    vault.lock(project, KEY, quiet)
    assert not [name for name in AWAY if (project / name).exists()]
    assert all((project / name).exists() for name in STAYS)
    assert not [path for path in project.rglob("*") if path.is_file() and PERSON in path.read_bytes()]
    vault.lock(project, KEY, quiet)
    vault.unlock(project, KEY, quiet)
    assert state(project) == before
    assert (project / "data/raw/empty").is_dir()
    assert not (project / ".vault").exists()
    with pytest.raises(UserError, match="nothing is put away here"):
        vault.unlock(project, KEY, quiet)


def test_a_wrong_key_is_refused_by_name_and_changes_nothing(project: Path) -> None:
    vault.lock(project, KEY, quiet)
    before = state(project)
    for way in (vault.lock, vault.unlock):
        with pytest.raises(
            UserError, match=f"with the key {KEY.fingerprint}, and RECSMITH_KEY .* {STRANGER.fingerprint}"
        ):
            way(project, STRANGER, quiet)
    assert state(project) == before


def test_what_was_made_again_meanwhile_is_named_and_neither_is_lost(project: Path) -> None:
    before = state(project)
    vault.lock(project, KEY, quiet)
    (project / "data/raw").mkdir()
    (project / ".dvc/cache/files").mkdir(parents=True)
    (project / "data/raw/new").write_text("new")
    for way in (vault.lock, vault.unlock):
        with pytest.raises(UserError, match="data/raw was made again while it is put away"):
            way(project, KEY, quiet)
    assert (project / "data/raw/new").read_text() == "new"
    shutil.rmtree(project / "data/raw")
    vault.unlock(project, KEY, quiet)
    assert state(project) == before


def test_an_altered_file_of_the_vault_is_named_and_the_others_come_back(project: Path) -> None:
    vault.lock(project, KEY, quiet)
    file = project / ".vault/logs.sealed"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(UserError, match=r"logs\.sealed was altered or cut off"):
        vault.unlock(project, KEY, quiet)
    file.write_bytes(good)
    vault.unlock(project, KEY, quiet)
    assert (project / "logs/z").exists()


def killed(way: Callable[..., None], root: Path, seconds: float) -> bool:
    """Whether the kill came before it was done."""
    child = os.fork()
    if not child:
        try:
            way(root, KEY, quiet)
            os._exit(0)
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def seconds_of(way: Callable[..., None], root: Path) -> float:
    start = time.perf_counter()
    way(root, KEY, quiet)
    return time.perf_counter() - start


def test_kills_at_random_moments_lose_nothing(project: Path) -> None:
    before = state(project)
    longest = {way: seconds_of(way, project) for way in (vault.lock, vault.unlock)}
    rng, kills = random.Random(os.environ.get("RECSMITH_SEED", "1")), 0
    for _ in range(40):
        way = rng.choice((vault.lock, vault.unlock))
        if way is vault.unlock and not (project / locks.AWAY).exists():
            way = vault.lock
        kills += killed(way, project, rng.uniform(0, longest[way]))
        if rng.random() < 0.1:
            vault.lock(project, KEY, quiet)
            assert not [path for path in project.rglob("*") if path.is_file() and PERSON in path.read_bytes()]
    assert kills >= 5
    vault.lock(project, KEY, quiet)
    vault.unlock(project, KEY, quiet)
    assert state(project) == before


@pytest.mark.parametrize("step", range(14))
@pytest.mark.parametrize("way", [vault.lock, vault.unlock])
def test_an_end_before_any_rename_or_removal_loses_nothing(
    project: Path, way: Callable[..., None], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(project)
    if way is vault.unlock:
        vault.lock(project, KEY, quiet)
    left = [step]

    def counted(name: str) -> None:
        real = getattr(Path, name) if name == "rename" else getattr(vault, name)

        def maybe(*given: Path) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return real(*given)

        monkeypatch.setattr(Path if name == "rename" else vault, name, maybe)

    for name in ("rename", "_remove"):
        counted(name)
    with pytest.raises(KeyboardInterrupt):
        way(project, KEY, quiet)
    monkeypatch.undo()
    vault.lock(project, KEY, quiet)
    vault.unlock(project, KEY, quiet)
    assert state(project) == before


def test_commands_refuse_a_workspace_that_is_away(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr("sys.argv", ["vault", "lock"])
    monkeypatch.delenv(VARIABLE, raising=False)
    assert vault.main() == 1
    assert "Set the environment variable RECSMITH_KEY" in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, KEY.secret.decode())
    assert vault.main() == 0
    assert main(["fetch"]) == 1
    assert "put away encrypted: `make unlock` brings it back" in capsys.readouterr().err
    for hold in (workspace("pipeline", "r", "f", quiet), only_writer("ingest")):
        with pytest.raises(UserError, match="make unlock"), hold:
            pytest.fail("it is not to be held")


def test_the_workspace_is_held_while_it_is_put_away(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv(VARIABLE, KEY.secret.decode())
    held = []
    monkeypatch.setattr(vault, "unlock", lambda root, *_: held.append(locks.holder(root / WORKSPACE)))
    monkeypatch.setattr("sys.argv", ["vault", "unlock"])
    assert vault.main() == 0
    assert [(holder["what"], holder["pid"]) for holder in held] == [("unlock", os.getpid())]
