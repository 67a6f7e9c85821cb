"""What travels to a node: once, under the hash of its content, and only where it is not there intact already."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import recsmith
from recsmith.errors import UserError
from recsmith.search.nodes import node_side
from recsmith.search.nodes.link import Link

SOURCE = Path(node_side.__file__).read_text(encoding="utf-8")
CODE_FILES = ("*.py", "*.cjs")


def ask(link: Link, python: str, command: str, data: Path | None = None, /, **values: Any) -> Any:
    """What ``command`` of :mod:`node_side` answers on the node; UserError where it fails."""
    status, said, errors = link.run([python, "-c", SOURCE, command, json.dumps(values)], data)
    if status != 0:
        last = errors.strip().splitlines()[-1:] or [f"it ended with {status}"]
        raise UserError(f"search.nodes: {link.node.name}: {command} failed: {last[0]}. Finished trials are kept.")
    return json.loads(said)


@dataclass(frozen=True)
class Parcel:
    """A folder that is packed to travel."""

    name: str
    """``KIND-HASH``, its folder on every node."""
    digest: str
    file: Path
    """A tar file."""

    def send(self, link: Link, python: str, folder: str) -> bool:
        """Bring it to the node unless it is there; whether it had to travel."""
        where = {"path": f"{folder}/{self.name}", "digest": self.digest}
        if ask(link, python, "intact", **where):
            return False
        if not ask(link, python, "unpack", self.file, **where):
            raise UserError(
                f"search.nodes: {link.node.name}: {self.name} did not arrive whole in {folder}. Look at the disk "
                "there, then run again. Finished trials are kept."
            )
        return True


@contextmanager
def parcel(kind: str, parts: Mapping[str, Path], patterns: tuple[str, ...] = ("*",)) -> Iterator[Parcel]:
    """Files of the folders ``parts``, each below its name, as one parcel."""
    with tempfile.TemporaryDirectory(prefix="recsmith-parcel-") as place:
        tree = Path(place) / "tree"
        for name, folder in parts.items():
            for path in sorted({path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}):
                target = tree / name / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(path, target)
        digest = node_side.tree_digest(tree)
        file = Path(place) / "parcel.tar"
        with tarfile.open(file, "w") as tar:
            tar.add(tree, arcname=".")
        yield Parcel(f"{kind}-{digest[:32]}", digest, file)


def _link_or_copy(path: Path, target: Path) -> None:
    """The same file where the file system allows it: graphs are large."""
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)


def code() -> dict[str, Path]:
    """This package, as part of a parcel."""
    return {"recsmith": Path(recsmith.__file__).parent}
