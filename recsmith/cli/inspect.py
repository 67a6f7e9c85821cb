"""``recsmith inspect``: what is in a bundle, how many bytes of what, how good it is, where it came from."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recsmith.cli._bundles import DEFAULT, plain_folder
from recsmith.serving.contents import Contents, contents
from recsmith.serving.inverted import words

SHOWN = ("items", "users", "rank", "recipe", "recsmith", "version", "digest")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bundle", nargs="?", type=Path, default=DEFAULT, metavar="BUNDLE", help=f"the bundle (default: {DEFAULT})"
    )
    parser.add_argument("--json", action="store_true", help="all of it as JSON")


def run(args: argparse.Namespace) -> None:
    """Check the bundle and print what it holds."""
    with plain_folder(args.bundle) as folder:
        found = contents(folder)
    print(json.dumps(found.values(), indent=2, ensure_ascii=False) if args.json else "\n".join(lines(found)))


def _row(name: str, text: str) -> str:
    return f"{name + ':':<20}{text}"


def lines(found: Contents) -> Iterator[str]:
    """What a person should see."""
    manifest = found.manifest
    for name in SHOWN:
        if name in manifest:
            yield _row(name, _text(manifest[name]))
    architecture = manifest.get("architecture") or {}
    if architecture:
        kind = architecture.get("kind") or _operators(architecture)
        yield _row("model", f"{architecture.get('family', '?')} {kind}")
    for name, value in (manifest.get("quality") or {}).items():
        yield _row(name, _text(value))
    if "index" in manifest:
        yield _row("index", words(manifest["index"]))
    for parent in manifest.get("parents") or []:
        yield _row("parent", parent)
    yield from _bytes(found)


def _bytes(found: Contents) -> Iterator[str]:
    yield ""
    for file, size in found.file_bytes.items():
        yield f"{size:>12,} bytes  {file}"
    reference = found.manifest.get("export_bytes")
    model = found.bytes_of("model")
    ratio = f", {reference / model:.2f} times smaller than the fp32 export" if reference and model else ""
    yield f"{model:>12,} bytes  of the model{ratio}"
    for kind, text in (("ids", "ids and titles"), ("people", "vectors of people"), ("histories", "histories")):
        yield f"{found.bytes_of(kind):>12,} bytes  of {text}"
    yield ""
    yield f"{'bytes':>12}  {'type':<8} {'shape':<16} tensor"
    for tensor in found.tensors:
        shape = " x ".join(map(str, tensor.shape))
        yield f"{tensor.bytes:>12,}  {tensor.dtype:<8} {shape:<16} {tensor.part}: {tensor.name}"


def _operators(architecture: dict[str, Any]) -> str:
    return " ".join([*map(str, architecture.get("operators") or ["none"]), f"d={architecture.get('dimension')}"])


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}" if isinstance(value, float) else str(value)
