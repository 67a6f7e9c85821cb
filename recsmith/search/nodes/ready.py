"""Whether nodes can do the work: interpreters, packages and GPUs, said in one table before the first trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from recsmith.errors import UserError
from recsmith.files import digest
from recsmith.search.nodes.carry import ask
from recsmith.search.nodes.link import Link

PYTHON = (3, 11)
OWNED = ("torch", "numpy")
"""What the owner's interpreter must have; which torch fits the machine's GPUs only the owner knows."""
INSTALLED = {
    "nni": "==3.0",
    "filelock": "",
    "psutil": ">=5.9",
    "pydantic": ">=2.10,<3",
    "safetensors": ">=0.5",
    "scipy": ">=1.11",
    "torch-geometric": ">=2.5,<3",
}
"""What the private environment gets where the owner's packages lack it."""


@dataclass(frozen=True)
class Ready:
    """What a node has."""

    link: Link
    folder: str
    """Ours on the node; its full path."""
    python: tuple[int, ...]
    packages: dict[str, str]
    paths: tuple[str, ...]
    gpus: int

    @property
    def environment(self) -> str:
        """The private environment's folder, by what it is made from."""
        made_from = [self.link.node.python, self.python, self.packages, self.paths, INSTALLED]
        return f"{self.folder}/environment-{digest(made_from)}"

    @property
    def row(self) -> tuple[str, ...]:
        """Its line of the table."""
        node = self.link.node
        gpus = "CPU" if not node.gpus else ",".join(map(str, node.gpus))
        python = ".".join(map(str, self.python))
        return node.name, python, *(self.packages[name] for name in OWNED), gpus, str(len(node.slots)), self._note()

    def _note(self) -> str:
        ours, theirs = version("torch"), self.packages["torch"]
        return "" if _release(ours) == _release(theirs) else f"torch differs from the {ours} here: results may too"


def check(link: Link, *, same_torch: bool) -> Ready:
    """What the node has; UserError says what it lacks and what to do."""
    node = link.node
    status, said, errors = link.run([node.python, "-c", "import sys; print(*sys.version_info[:2])"])
    if status != 0:
        raise UserError(
            f"search.nodes: {node.name} has no interpreter that runs at {node.python} "
            f"({(errors.strip().splitlines() or ['no answer'])[-1]}). Name another in params.yaml: search.nodes."
        )
    if tuple(map(int, said.split())) < PYTHON:
        raise _refused(node.name, f"{node.python} is Python {'.'.join(said.split())}; needed is 3.11 or newer")
    found = ask(link, node.python, "look", folder=node.folder, packages=[*OWNED, *INSTALLED], gpus=bool(node.gpus))
    _check_packages(link, found, same_torch=same_torch)
    return Ready(link, found["folder"], tuple(found["python"]), found["packages"], tuple(found["paths"]), found["gpus"])


def _check_packages(link: Link, found: dict[str, Any], *, same_torch: bool) -> None:
    node, packages = link.node, found["packages"]
    missing = [name for name in OWNED if name not in packages]
    if missing:
        raise _refused(node.name, f"{node.python} lacks {', '.join(missing)}; install them there")
    if same_torch and _release(packages["torch"]) != _release(version("torch")):
        raise _refused(
            node.name,
            f"torch there is {packages['torch']}, here {version('torch')}, and search.same_torch is true; install the "
            "same there, or allow another with search.same_torch: false",
        )
    absent = [gpu for gpu in node.gpus if gpu >= found["gpus"]]
    if absent:
        raise _refused(node.name, f"gpus = {list(node.gpus)}, but torch sees {found['gpus']} GPU(s) there")


def _refused(name: str, what: str) -> UserError:
    return UserError(f"search.nodes: {name}: {what}, or change params.yaml: search.nodes. Finished trials are kept.")


def _release(text: str) -> str:
    """Of a version, what comes before the build (``2.4.1+cu121`` -> ``2.4.1``)."""
    return text.partition("+")[0]


def make_environment(ready: Ready) -> None:
    """Make the node's private environment unless it is there; UserError with pip's own words where that fails."""
    made = ask(
        ready.link,
        ready.link.node.python,
        "environment",
        path=ready.environment,
        folder=ready.folder,
        paths=list(ready.paths),
        install=[name + wanted for name, wanted in INSTALLED.items()],
        pins=[f"{name}=={ready.packages[name]}" for name in OWNED],
    )
    if made["error"]:
        raise _refused(
            ready.link.node.name,
            f"its private environment {ready.environment} could not be made. What was said last:\n{made['error']}\n"
            "Let pip reach an index there (pip config), or install these for the interpreter yourself: "
            f"{' '.join(INSTALLED)}",
        )


def table(nodes: list[Ready], say: Callable[[str], None]) -> None:
    """What each node has, a line a node."""
    rows = [("node", "python", *OWNED, "gpus", "trials at a time", ""), *(node.row for node in nodes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
