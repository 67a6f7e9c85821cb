"""A copy of the project to try things on, with parameters so small that the whole line takes about a minute."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
TINY: dict[str, Any] = {
    "run": {"threads": 1, "memory_mb": 500},
    "ingest": {"source": "demo", "demo": {"users": 60, "items": 80, "interactions_per_user": 15.0}},
    "baseline": {
        "item_knn": {"neighbours": [20], "shrink": [0.0]},
        "ease": {"l2": [50.0]},
        "als": {"factors": [8], "regularization": [0.1], "alpha": [1.0], "iterations": 3},
        "lightgcn": {"dimension": 8, "max_epochs": 2, "evaluate_every": 1},
    },
    "search": {"preset": "tiny", "strategy": "random", "trials": 2, "max_epochs": 2},
    "train": {"max_epochs": 3},
    "compress": {"export": {"rank": 16, "top_k": 8}, "gate": {"retained": 0.5}},
    "evaluate": {"bootstrap": 100},
}
"""Overrides of params.yaml with which the whole line takes about a minute."""


@dataclass(frozen=True)
class Workspace:
    """A copy of the project in a folder of its own, under git and DVC, with parameters to try things on."""

    root: Path

    @property
    def env(self) -> dict[str, str]:
        """Our environment, with this copy's code and no run of the outside."""
        dropped = ("RECSMITH_RUN", "RECSMITH_FLOW_RUN", "MAKEFLAGS", "MAKELEVEL")
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return kept | {"PYTHONPATH": str(self.root), "PATH": path, "PREFECT_HOME": str(self.root / ".prefect")}

    def run(self, *command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command here; ``python`` is the interpreter of the tests."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.env | dict(env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command here, in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def line(self, env: Mapping[str, str] | None = None) -> str:
        """Fetch and reproduce the whole line; the output, after checking that both went well."""
        output = ""
        for command in (("python", "-m", "recsmith", "fetch"), ("dvc", "repro")):
            result = self.run(*command, env=env)
            output += result.stdout
            assert result.returncode == 0, output
        return output

    def change(self, overrides: Mapping[str, Any]) -> None:
        """Merge values into params.yaml."""
        path, yaml = self.root / "params.yaml", YAML()
        values = yaml.load(path.read_text(encoding="utf-8"))
        _merge(values, overrides)
        with path.open("w", encoding="utf-8") as handle:
            yaml.dump(values, handle)

    def lock(self) -> dict[str, dict[str, str]]:
        """Stage -> out -> md5 from dvc.lock, without the two side files that vary."""
        stages = YAML(typ="safe").load((self.root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
        return {name: _hashes(stage) for name, stage in stages.items()}


def _hashes(stage: Mapping[str, Any]) -> dict[str, str]:
    varying = ("/run.json", "/timing.json")
    return {out["path"]: out["md5"] for out in stage["outs"] if not out["path"].endswith(varying)}


def _merge(values: Any, overrides: Mapping[str, Any]) -> None:
    for name, value in overrides.items():
        if isinstance(value, dict) and isinstance(values.get(name), dict):
            _merge(values[name], value)
        else:
            values[name] = value


def make_workspace(folder: Path) -> Workspace:
    """Copy the project (what git knows or would know) to ``folder``, commit it there, and set the tiny parameters."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    workspace = Workspace(folder)
    workspace.change(TINY | {"search": TINY["search"] | {"port": free_port()}})
    for command in ("init -q", "add -A", "-c user.name=t -c user.email=t@example.org commit -qm start"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True, capture_output=True)
    return workspace


def free_port() -> int:
    """A port nobody listens on; NNI takes the next one too."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return min(probe.getsockname()[1], 65000)
