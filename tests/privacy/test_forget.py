"""Somebody who is forgotten is nowhere, and does not come back."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from serving.small_bundles import N_USERS, make_bundle
from workspaces import Workspace, make_workspace

from flows.workspace import WORKSPACE
from recsmith import locks
from recsmith.errors import UserError
from recsmith.privacy import archive
from recsmith.privacy.keys import Key
from recsmith.privacy.pseudonyms import Pseudonyms
from recsmith.privacy.sealing import VARIABLE
from recsmith.serving.bundle import load
from tools.forget import __main__ as command
from tools.forget import run as steps
from tools.intact import objects
from tools.remotes.ways import push

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(3600)]
SECRET = "a key that nobody guesses"
MAKER = Pseudonyms(Key("RECSMITH_PSEUDONYM_KEY", SECRET.encode()))
PEOPLE = [f"person-{n:03}@example.org" for n in range(30)]
WHO = PEOPLE[7]
SEALING = "another key, quite as long"
ENV = {"RECSMITH_PSEUDONYM_KEY": SECRET}
CHAMPION = "data/champion/current/bundle"
FILES = [
    {
        "file": "events.csv",
        "columns": {"user_id": "userId", "item_id": "itemId", "weight": "rating", "timestamp": "time"},
        "delimiter": ",",
        "header": True,
    },
    {"file": "people.csv", "role": "users", "columns": {"user_id": "userId"}, "delimiter": ",", "header": True},
]


def set_remote(workspace: Workspace) -> None:
    """The default remote, in a folder beside the project."""
    folder = workspace.root.parent / "remote"
    folder.mkdir(exist_ok=True)
    text = f"[core]\n    analytics = false\n    remote = team\n['remote \"team\"']\n    url = {folder}\n"
    (workspace.root / ".dvc/config").write_text(text, encoding="utf-8")


def write_source(folder: Path) -> None:
    rng = random.Random(1)
    folder.mkdir(exist_ok=True)
    rows = [
        f"{who},i{item},{rng.randint(1, 5)},{1_600_000_000 + rng.randint(0, 10**7)}\n"
        for who in PEOPLE
        for item in rng.sample(range(40), 12)
    ]
    (folder / "events.csv").write_text("userId,itemId,rating,time\n" + "".join(rows))
    (folder / "people.csv").write_text("userId,city\n" + "".join(f"{who},C{n % 3}\n" for n, who in enumerate(PEOPLE)))


def done(workspace: Workspace, *command: str) -> str:
    result = workspace.run(*command, env=ENV)
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="session", params=[False, True], ids=["ids", "pseudonyms"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, full: bool) -> Workspace:
    """Results of a source of our own, two generations of them, on a remote too, with a champion beside the line."""
    if not (request.param or full):
        pytest.skip("the short form is with pseudonyms: the source has the ids, and the results have theirs")
    workspace = make_workspace(tmp_path_factory.mktemp("forget") / "project")
    write_source(workspace.root / "logs")
    privacy = {"pseudonyms": request.param}
    workspace.change({"ingest": {"source": "files", "path": "logs", "files": FILES, "privacy": privacy}})
    target = () if full else ("ingest",)
    names = [MAKER.of(who) if request.param else who for who in PEOPLE[:N_USERS]]
    make_bundle(workspace.root / CHAMPION, ids=names)
    digest = load(workspace.root / CHAMPION).manifest["digest"]
    (workspace.root / "data/champion/history.json").write_text(json.dumps({"digest": digest}))
    set_remote(workspace)
    done(workspace, "dvc", "add", "-q", "data/champion", "logs")
    done(workspace, "python", "-m", "recsmith", "fetch")
    done(workspace, "dvc", "repro", "-q", *target)
    done(workspace, "git", "add", "-f", "dvc.lock", "data/champion.dvc", "logs.dvc")
    done(workspace, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "first")
    workspace.change({"ingest": {"privacy": {"drop": {"users": ["city"]}}}, "split": {"test": 0.2}})
    done(workspace, "dvc", "repro", "-q", *target)
    done(workspace, "dvc", "push", "-q", "--run-cache", "-A")
    return workspace


@pytest.fixture
def project(made: Workspace, tmp_path: Path) -> Workspace:
    """A copy to change, with a remote of its own."""
    shutil.copytree(made.root.parent, tmp_path / "copy", symlinks=True)
    workspace = Workspace(tmp_path / "copy/project")
    set_remote(workspace)
    return workspace


@pytest.fixture
def here(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The copy, and we in it with the key."""
    monkeypatch.setenv(*next(iter(ENV.items())))
    monkeypatch.chdir(project.root)
    return project


def everything(workspace: Workspace) -> Iterator[tuple[Path, bytes]]:
    """Each file, the remote's too, and tables as text: their pages are compressed."""
    for path in sorted(workspace.root.parent.rglob("*")):
        if path.is_file() and ".git" not in path.parts:
            content = path.read_bytes()
            yield path, content if content[:4] != b"PAR1" else str(pq.read_table(path).to_pydict()).encode()


def naming(workspace: Workspace, who: str) -> list[Path]:
    names = (who.encode(), MAKER.of(who).encode())
    return [path for path, content in everything(workspace) if any(name in content for name in names)]


def test_a_search_of_everything_finds_the_person_before_and_nowhere_after(project: Workspace, full: bool) -> None:
    before = naming(project, WHO)
    assert {"project", "remote"} <= {path.relative_to(project.root.parent).parts[0] for path in before}
    assert any(".dvc" in path.parts for path in before)
    others = load(project.root / CHAMPION).users
    output = done(project, "make", "-o", ".venv/.installed", "forget", f"USER={WHO}", "INSTALLED=")
    assert "finds nothing" in output
    assert naming(project, WHO) == []
    assert naming(project, PEOPLE[8])
    champion = load(project.root / CHAMPION)
    assert len(champion.users) == len(others) - 1
    assert (
        json.loads((project.root / "data/champion/history.json").read_text())["digest"] == champion.manifest["digest"]
    )
    assert "objects of the remote team" in output
    if full:
        digest = load(project.root / "data/compress/bundle").manifest["digest"]
        assert digest in done(project, "python", "-m", "recsmith", "lineage"), (
            "the bundle that serves until the next run"
        )


def test_the_line_runs_again_without_them_even_where_they_come_in_again(here: Workspace, full: bool) -> None:
    steps.forget(steps.task(here.root, WHO, lambda _: None))
    write_source(here.root / "logs")
    ingest = ("python", "-m", "stages.ingest")
    done(here, *(("dvc", "repro", "-q", "ingest") if full else ingest))
    source = json.loads((here.root / "data/ingest/source.json").read_text())
    assert source["privacy"]["forgotten"] == {"people": 1, "interactions": 12}
    assert source["counts"]["users"] == len(PEOPLE) - 1
    assert not [path for path in naming(here, WHO) if "data" in path.parts]
    without = here.run(*ingest, env={"RECSMITH_PSEUDONYM_KEY": ""})
    assert "RECSMITH_PSEUDONYM_KEY" in without.stdout
    assert without.returncode != 0


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["without_runs", "workspace.tables", "_versioned"])
def test_an_interrupted_forgetting_is_finished_by_the_next(
    here: Workspace, step: str, full: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if step != "without_runs" and not full:
        pytest.skip("the short form is interrupted once")
    task = steps.task(here.root, WHO, lambda _: None)
    with monkeypatch.context() as interrupted:
        interrupted.setattr(f"tools.forget.run.{step}", stop)
        with pytest.raises(KeyboardInterrupt):
            steps.forget(task)
    steps.forget(task)
    assert naming(here, WHO) == []
    assert shown("--verify", monkeypatch, capsys) == "forget: 2 entries, each as it was written\n"
    assert [line.split()[3] for line in shown("--show", monkeypatch, capsys).splitlines()] == ["begun:", "forgotten:"]
    with pytest.raises(UserError, match="is forgotten already; nothing was changed"):
        steps.forget(task)


def shown(word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints with ``word``."""
    capsys.readouterr()
    monkeypatch.setattr("sys.argv", ["python -m tools.forget", word])
    assert command.main() == 0
    return capsys.readouterr().out


def test_an_encrypted_remote_is_searched_and_forgets_too(here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(here.root.parent / "remote")
    monkeypatch.setenv(VARIABLE, SEALING)
    push(here.root, (), None, lambda _: None)
    shutil.rmtree(objects(here.root))
    before = sealed_naming(here)
    assert before
    monkeypatch.delenv(VARIABLE)
    task = steps.task(here.root, WHO, lambda _: None)
    with pytest.raises(UserError, match=r"remote 'team' .* is encrypted with the key .* environment variable RECSM"):
        steps.forget(task)
    assert sealed_naming(here) == before
    monkeypatch.setenv(VARIABLE, SEALING)
    assert steps.forget(task).counts["objects of the encrypted remote team"] >= len(before)
    assert sealed_naming(here) == []


def sealed_naming(workspace: Workspace) -> list[str]:
    """Names of objects of the encrypted remote that hold the person."""
    holding = []
    for path in sorted((workspace.root.parent / "remote/sealed").glob("??/*")):
        target = workspace.root.parent / "opened"
        archive.unseal(path, target, Key(VARIABLE, SEALING.encode()))
        content = target.read_bytes()
        text = content if content[:4] != b"PAR1" else str(pq.read_table(target).to_pydict()).encode()
        if any(name.encode() in text for name in (WHO, MAKER.of(WHO))):
            holding.append(path.parent.name + path.name)
    (workspace.root.parent / "opened").unlink(missing_ok=True)
    return holding


def test_a_flow_that_runs_is_waited_for_and_named(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*next(iter(ENV.items())))
    monkeypatch.chdir(made.root)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        raise KeyboardInterrupt

    with locks.held(WORKSPACE, {"what": "nightly", "run": "night-1"}, 0), pytest.raises(KeyboardInterrupt):
        steps.forget(steps.task(made.root, WHO, say))
    assert said == [
        f"waiting for process {os.getpid()} (nightly, run night-1, since {locks.words_of(WORKSPACE)['since']})"
    ]


@pytest.mark.parametrize(
    ("words", "env", "told"),
    [
        (("nobody",), ENV, "is nobody that the data or the results know; nothing was changed"),
        ((WHO,), {}, "Set the environment variable RECSMITH_PSEUDONYM_KEY"),
        ((MAKER.of(WHO),), ENV, "is no raw id"),
    ],
)
def test_what_cannot_be_forgotten_is_refused_and_changes_nothing(
    made: Workspace,
    words: tuple[str, ...],
    env: dict[str, str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("RECSMITH_PSEUDONYM_KEY", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.root)
    monkeypatch.setattr("sys.argv", ["python -m tools.forget", *words])
    before = naming(made, WHO)
    assert command.main() == 1
    assert told in capsys.readouterr().err
    assert naming(made, WHO) == before


def test_make_forget_without_a_user_does_not_take_the_name_of_whoever_types_it(made: Workspace) -> None:
    result = made.run("make", "forget", "INSTALLED=", env=ENV | {"USER": WHO})
    assert result.returncode != 0
    assert "Say whom" in result.stdout
