"""What runs on a node before anything of ours is there: ``python -c SOURCE COMMAND JSON``, the standard library alone.

Commands: look (what the interpreter has), intact (whether a carried folder is as it was sent), unpack (take one from
stdin), environment (make the private environment). The answer is JSON on stdout.
"""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

READY = "ready"
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-cache-dir")
HOOK = """\
import os, sys
sys.dont_write_bytecode = True
os.environ["RECSMITH_NODE"] = {folder!r}
os.environ["RECSMITH_PYTHON"] = {python!r}
if os.path.exists({ready!r}):
    os.environ["HOME"] = {home!r}
"""
"""Run at the start of every Python of the private environment: neither bytecode of the owner's packages nor NNI's
folders are written outside of it."""


def tree_digest(folder: Path) -> str:
    """The sha256 of a folder: of the names and contents of all its files."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        whole.update(path.relative_to(folder).as_posix().encode() + b"\0")
        whole.update(_file_digest(path).encode() + b"\0")
    return whole.hexdigest()


def _file_digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as handle:
        for block in iter(lambda: handle.read(2**20), b""):
            found.update(block)
    return found.hexdigest()


def look(folder: str, packages: list[str], gpus: bool) -> dict[str, Any]:
    """Version of Python, versions of packages (absent ones left out), number of GPUs, and the folder's full path."""
    place = Path(folder).expanduser()
    place.mkdir(parents=True, exist_ok=True)
    return {
        "python": list(sys.version_info[:3]),
        "folder": str(place.resolve()),
        "packages": {name: found for name in packages if (found := _version(name)) is not None},
        "gpus": _gpus() if gpus and _version("torch") else 0,
        "paths": [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))],
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def intact(path: str, digest: str) -> bool:
    """Whether the folder is there with that content."""
    return Path(path).is_dir() and tree_digest(Path(path)) == digest


def unpack(path: str, digest: str) -> bool:
    """Take a folder from a tar file on stdin, whole or not at all; whether its content is right."""
    target = Path(path)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|*") as tar:
            # Pythons before 3.11.4 have no filter; the file comes from our own driver either way.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
            tar.extractall(aside / "new")  # nosec B202: filtered by the line above
        if tree_digest(aside / "new") != digest:
            return False
        shutil.rmtree(target, ignore_errors=True)
        os.replace(aside / "new", target)
        compileall.compile_dir(target, quiet=2)  # trials write no bytecode
        return True
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def environment(path: str, folder: str, paths: list[str], install: list[str], pins: list[str]) -> dict[str, Any]:
    """Make the private environment ``path`` unless it is there; ``error`` says what pip said where it failed.

    It sees the packages in ``paths``, the owner's, and has ``install`` of its own as far as these lack it.
    """
    home = Path(path)
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # free with its process
        if not (home / READY).exists():
            error = _make(home, folder, paths, install, pins)
            if error:
                return {"error": error}
            (home / READY).touch()
    return {"error": ""}


def _make(home: Path, folder: str, paths: list[str], install: list[str], pins: list[str]) -> str:
    if error := _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(home / "venv")]):
        return error
    python = home / "venv/bin/python"
    _write_hook(home, folder, python, paths)
    if _run([str(python), "-m", "pip", "--version"]) and (error := _run([str(python), "-m", "ensurepip"])):
        return error
    constraints = home / "constraints.txt"
    constraints.write_text("\n".join(pins) + "\n")
    if error := _run([str(python), *PIP, "-c", str(constraints), *install]):
        return error
    # NNI runs ``pip install nni --upgrade`` at every start: from here on, what is there is what there is.
    (home / "venv/pip.conf").write_text("[global]\nno-index = true\n")
    return ""


def _write_hook(home: Path, folder: str, python: Path, paths: list[str]) -> None:
    (site,) = (home / "venv/lib").glob("python3*/site-packages")
    names = {"folder": folder, "python": python, "ready": home / READY, "home": home / "home"}
    (home / "home").mkdir(exist_ok=True)
    text = HOOK.format(**{name: str(value) for name, value in names.items()})
    (site / "recsmith_node.py").write_text(text)
    (site / "recsmith_node.pth").write_text("import recsmith_node\n" + "".join(f"{path}\n" for path in paths))


def _run(words: list[str]) -> str:
    """The last lines of what a command said; empty where it went well."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode(errors="replace").strip().splitlines()
    return "" if done.returncode == 0 else "\n".join(said[-5:]) or f"{words[0]} ended with {done.returncode}"


COMMANDS = {"look": look, "intact": intact, "unpack": unpack, "environment": environment}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](**json.loads(sys.argv[2]))))
