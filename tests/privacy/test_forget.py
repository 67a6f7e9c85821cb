"""Somebody who is forgotten is nowhere, and does not come back."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from serving.small_bundles import N_USERS, make_bundle
from workspaces import Workspace, make_workspace

from recsmith.privacy.keys import Key
from recsmith.privacy.pseudonyms import Pseudonyms
from recsmith.serving.bundle import load
from tools.forget import run as steps

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]
SECRET = "a key that nobody guesses"
MAKER = Pseudonyms(Key("RECSMITH_PSEUDONYM_KEY", SECRET.encode()))
PEOPLE = [f"person-{n:03}@example.org" for n in range(30)]
WHO = PEOPLE[7]
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
    if request.param and not full:
        pytest.skip("the short form takes ids as they are")
    workspace = make_workspace(tmp_path_factory.mktemp("forget") / "project")
    write_source(workspace.root / "logs")
    privacy = {"pseudonyms": request.param}
    workspace.change({"ingest": {"source": "files", "path": "logs", "files": FILES, "privacy": privacy}})
    target = () if full else ("ingest",)
    names = [MAKER.of(who) if request.param else who for who in PEOPLE[:N_USERS]]
    make_bundle(workspace.root / CHAMPION, ids=names)
    digest = load(workspace.root / CHAMPION).manifest["digest"]
    (workspace.root / "data/champion/history.json").write_text(json.dumps({"digest": digest}))
    (workspace.root.parent / "remote").mkdir()
    done(workspace, "dvc", "remote", "add", "-d", "team", str(workspace.root.parent / "remote"))
    done(workspace, "dvc", "add", "-q", "data/champion", "logs")
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
    done(workspace, "dvc", "remote", "modify", "team", "url", str(tmp_path / "copy/remote"))
    return workspace


def everything(workspace: Workspace) -> Iterator[tuple[Path, bytes]]:
    """Each file, the remote's too, and tables as text: their pages are compressed."""
    for path in sorted(workspace.root.parent.rglob("*")):
        if path.is_file() and ".git" not in path.parts:
            content = path.read_bytes()
            yield path, content if content[:4] != b"PAR1" else str(pq.read_table(path).to_pydict()).encode()


def naming(workspace: Workspace, who: str) -> list[Path]:
    names = (who.encode(), MAKER.of(who).encode())
    return [path for path, content in everything(workspace) if any(name in content for name in names)]


def test_a_search_of_everything_finds_the_person_before_and_nowhere_after(project: Workspace) -> None:
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
    assert "2 entries" in done(project, "python", "-m", "tools.forget", "--verify")
    assert "objects of the remote team" in done(project, "python", "-m", "tools.forget", "--show")


def test_the_line_runs_again_without_them_even_where_they_come_in_again(project: Workspace) -> None:
    done(project, "python", "-m", "tools.forget", WHO)
    write_source(project.root / "logs")
    done(project, "dvc", "repro", "-q", "ingest")
    source = json.loads((project.root / "data/ingest/source.json").read_text())
    assert source["privacy"]["forgotten"] == {"people": 1, "interactions": 12}
    assert source["counts"]["users"] == len(PEOPLE) - 1
    assert not [path for path in naming(project, WHO) if "data" in path.parts]
    without = project.run("dvc", "repro", "-q", "-f", "-s", "ingest")
    assert "RECSMITH_PSEUDONYM_KEY" in without.stdout
    assert without.returncode != 0


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["workspace.tables", "without_runs", "_versioned"])
def test_an_interrupted_forgetting_is_finished_by_the_next(
    project: Workspace, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*next(iter(ENV.items())))
    monkeypatch.chdir(project.root)
    task = steps.task(project.root, WHO, str)
    with monkeypatch.context() as interrupted:
        interrupted.setattr(f"tools.forget.run.{step}", stop)
        with pytest.raises(KeyboardInterrupt):
            steps.forget(task)
    steps.forget(task)
    assert naming(project, WHO) == []
    assert "2 entries" in done(project, "python", "-m", "tools.forget", "--verify")


@pytest.mark.parametrize(
    ("words", "env", "told"),
    [
        (("nobody",), ENV, "is nobody that the data or the results know; nothing was changed"),
        ((WHO,), {}, "Set the environment variable RECSMITH_PSEUDONYM_KEY"),
        ((MAKER.of(WHO),), ENV, "is no raw id"),
    ],
)
def test_what_cannot_be_forgotten_is_refused_and_changes_nothing(
    project: Workspace, words: tuple[str, ...], env: dict[str, str], told: str
) -> None:
    before = naming(project, WHO)
    result = project.run("python", "-m", "tools.forget", *words, env=env)
    assert result.returncode == 1
    assert told in result.stdout
    assert naming(project, WHO) == before


def test_make_forget_without_a_user_does_not_take_the_name_of_whoever_types_it(project: Workspace) -> None:
    result = project.run("make", "forget", "INSTALLED=", env=ENV | {"USER": WHO})
    assert result.returncode != 0
    assert "Say whom" in result.stdout


def test_somebody_forgotten_twice_is_said_to_be_so(project: Workspace) -> None:
    done(project, "python", "-m", "tools.forget", WHO)
    assert (
        "is forgotten already; nothing was changed" in project.run("python", "-m", "tools.forget", WHO, env=ENV).stdout
    )
