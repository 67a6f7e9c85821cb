"""A pipeline of one stage, as small as DVC has them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.intact import objects, place, tracked
from tools.remotes.ways import pull, push

PIPELINE = """
stages:
  copy:
    cmd: mkdir -p folder && cp source/a file && cp source/* folder
    deps: [source]
    outs: [folder, file]
"""
ROOT = Path(__file__).resolve().parents[2]
WHO = ("-c", "user.name=t", "-c", "user.email=t@example.org")


def run(root: Path, *command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in ``root`` with this project's tools; both outputs in ``stdout``."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    code = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    whole = os.environ | {"PATH": path, "PYTHONPATH": code} | dict(env or {})
    return subprocess.run(
        command, cwd=root, env=whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def done(root: Path, *command: str, env: Mapping[str, str] | None = None) -> str:
    """The output of a command that has to go well."""
    result = run(root, *command, env=env)
    assert result.returncode == 0, result.stdout
    return result.stdout


def make_project(root: Path) -> Path:
    """Under git and DVC, reproduced once, its source kept with DVC."""
    (root / "source").mkdir(parents=True)
    for name in "ab":
        (root / "source" / name).write_text(name, encoding="utf-8")
    (root / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    for command in (
        ("git", "init", "-q"),
        ("dvc", "init", "-q"),
        ("dvc", "repro", "-q"),
        ("dvc", "add", "-q", "source"),
    ):
        done(root, *command)
    (root / ".gitignore").write_text("/source\n/folder\n/file\n", encoding="utf-8")
    return commit(root)


def set_remote(root: Path, url: str, keyfile: Path | None = None) -> None:
    """Make ``url`` the default remote, as ``dvc remote add`` does; the key file is local to this clone."""
    (root / ".dvc/config").write_text(f"[core]\n    remote = team\n['remote \"team\"']\n    url = {url}\n")
    if keyfile:
        (root / ".dvc/config.local").write_text(f"['remote \"team\"']\n    keyfile = {keyfile}\n")


def commit(root: Path) -> Path:
    """Everything that git does not ignore."""
    done(root, "git", "add", "-A")
    done(root, "git", *WHO, "commit", "-q", "--allow-empty", "-m", "state")
    return root


def object_of(root: Path, path: str) -> Path:
    """The cache's object of an out."""
    (md5,) = (out.md5 for out in tracked(root) if out.path == Path(path))
    return place(objects(root), md5)


def alter(file: Path) -> None:
    """Other bytes of the same length under the same name, with the mode that DVC takes as proof."""
    file.chmod(0o644)
    file.write_text("X" * file.stat().st_size, encoding="utf-8")
    file.chmod(0o444)


def sent(project: Path, *targets: str, remote: str | None = None) -> str:
    """What push says."""
    lines: list[str] = []
    push(project, targets, remote, lines.append)
    return "\n".join(lines)


def fetched(project: Path) -> str:
    """What pull says."""
    lines: list[str] = []
    pull(project, (), None, lines.append)
    return "\n".join(lines)


def clone(project: Path) -> Path:
    """As somebody else has it who cloned it."""
    target = project.with_name("clone")
    done(project, "git", "clone", "-q", str(commit(project)), str(target))
    return target
