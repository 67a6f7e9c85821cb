"""The code that each stage of dvc.yaml depends on, found by walking its imports.

``python -m tools.deps`` writes the lists into dvc.yaml; ``python -m tools.deps STAGE`` prints one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from recsmith.files import replacing
from recsmith.output import say
from stages._stage import STAGES

ROOT = Path(__file__).resolve().parent.parent
FIRST_PARTY = ("recsmith", "stages")


def code(stage: str, root: Path = ROOT) -> list[str]:
    """Files and whole rooms that ``stages/STAGE.py`` imports, itself included; paths from ``root``, sorted."""
    files = _reached(root, root / "stages" / f"{stage}.py")
    kept = [path for top in FIRST_PARTY for path in _collapsed(root / top, files)]
    return sorted(path.relative_to(root).as_posix() for path in kept)


def _collapsed(folder: Path, files: set[Path]) -> Iterator[Path]:
    """``files`` inside ``folder``, with one entry for each room below it that is reached as a whole."""
    yield from (path for path in folder.glob("*") if path in files)
    for room in (path for path in folder.iterdir() if path.is_dir()):
        inside = set(room.rglob("*.py"))
        if inside and inside <= files:
            yield room
        else:
            yield from _collapsed(room, files)


def _reached(root: Path, start: Path) -> set[Path]:
    found: set[Path] = set()
    queue = [start, start.with_name("__init__.py")]
    while queue:
        file = queue.pop()
        if file in found:
            continue
        found.add(file)
        if file.suffix == ".py":
            queue += [path for name in modules(file) for path in _files(root, name)]
            queue += beside(file)
    return found


@cache
def beside(file: Path) -> tuple[Path, ...]:
    """Files and folders beside a source file that it names and that hold no Python, such as templates."""
    others = {path.name: path for path in file.parent.iterdir() if path.suffix != ".py" and not any(path.rglob("*.py"))}
    words = (node.value for node in ast.walk(_tree(file)) if isinstance(node, ast.Constant))
    return tuple(sorted(others[word] for word in words if isinstance(word, str) and word in others))


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def modules(file: Path) -> tuple[str, ...]:
    """Dotted names that a source file imports, or holds as text (``python -m recsmith.search.trial``)."""
    names: set[str] = set()
    for node in ast.walk(_tree(file)):
        names.update(_names(node))
    return tuple(sorted(names))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("recsmith."):
        yield node.value if not node.value.endswith(".") else f"{node.value}*"


def _files(root: Path, name: str) -> Iterator[Path]:
    """The file of a first-party module and the ``__init__`` of every package above it; ``room.*`` is the whole room."""
    parts = name.split(".")
    if parts[0] not in FIRST_PARTY or not all(part.isidentifier() or part == "*" for part in parts):
        return
    for length in range(1, len(parts) + 1):
        base = root.joinpath(*parts[:length])
        if parts[length - 1] == "*":
            yield from base.parent.glob("*.py")
        else:
            yield from (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file())


def is_code(path: str) -> bool:
    """Whether a dependency is one of ours to list."""
    return path.split("/")[0] in FIRST_PARTY


def update(path: Path) -> None:
    """Rewrite the code dependencies of every stage in ``path``; everything else stays as it is."""
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 120, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    pipeline: Any = yaml.load(path.read_text(encoding="utf-8"))
    for stage in STAGES:
        deps = pipeline["stages"][stage]["deps"]
        deps[:] = [dep for dep in deps if not is_code(dep)] + code(stage, path.parent)
    with replacing(path) as aside, aside.open("w", encoding="utf-8") as handle:
        yaml.dump(pipeline, handle)


def main() -> None:
    """Print one stage's list, or write all."""
    if len(sys.argv) > 1:
        say("\n".join(f"      - {path}" for path in code(sys.argv[1])))
    else:
        update(ROOT / "dvc.yaml")


if __name__ == "__main__":
    main()
