"""``recsmith export-onnx``: a bundle's model as ONNX, scored by onnxruntime as the bundle scores it."""

from __future__ import annotations

import argparse
from pathlib import Path

from recsmith.cli._bundles import number, opened
from recsmith.compress.onnx_graph import graph
from recsmith.files import replacing


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle, encrypted or not")
    parser.add_argument("out", type=Path, metavar="OUT", help="ONNX file to write")
    parser.add_argument("--k", type=number, default=20, help="items in a list (default: 20)")


def run(args: argparse.Namespace) -> None:
    """Write the file whole or not at all."""
    with opened(args.bundle) as bundle:
        made = graph(bundle.model, args.k, bundle.manifest["digest"])
        with replacing(args.out) as aside:
            aside.write_bytes(made.SerializeToString())
    print(f"{args.out}: {args.out.stat().st_size:,} bytes; inputs {', '.join(one.name for one in made.graph.input)}")
