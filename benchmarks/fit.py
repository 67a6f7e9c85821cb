"""Fit and keep models on graphs that lie ready: ``python -m benchmarks.fit --graphs DIR --out DIR NAME=FILE...``.

``python -m benchmarks.prepare`` makes the graphs and the settings; fitting needs torch, scipy, pydantic and safetensors
alone, so that it can run on another machine. ``OUT/NAME/candidate`` learns from train and stops by valid,
``OUT/NAME/final`` from both for as many epochs.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.engine.store import save_model
from recsmith.errors import UserError
from recsmith.files import read_json
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Architecture, architecture, describe

SETTINGS = "settings.json"
"""Beside the graphs: fields of FitSettings."""


def pair(chosen: Architecture, fit_graph: Graph, refit: Graph, valid: Relevant, settings: FitSettings) -> list[Fitted]:
    """The candidate, stopped by ``valid``, and the final model, fitted for as many epochs."""
    candidate = fit(chosen, fit_graph, settings, valid, on_epoch=lambda row: print(row, flush=True))
    final = fit(chosen, refit, replace(settings, epochs=candidate.epochs or None))
    return [candidate, final]


def named(text: str) -> tuple[str, Architecture]:
    """``NAME=FILE`` as a name and the architecture in the file."""
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise UserError(f"{text!r}: NAME=FILE is due, FILE the JSON of an architecture.")
    return name, architecture(read_json(file), file)


def main() -> None:
    """Fit and write each of them."""
    parser = argparse.ArgumentParser("python -m benchmarks.fit", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--graphs", type=Path, required=True, help="folder with fit, refit, valid and settings.json")
    parser.add_argument("--out", type=Path, required=True, help="folder of the models")
    parser.add_argument("--device", default="auto", help="cpu, cuda, auto (default)")
    parser.add_argument("models", nargs="+", metavar="NAME=FILE", help="JSON of an architecture")
    args = parser.parse_args()
    graphs = Graph.load(args.graphs / "fit"), Graph.load(args.graphs / "refit")
    valid = Relevant.load(args.graphs / "valid")
    settings = FitSettings(**{**read_json(args.graphs / SETTINGS), "device": args.device, "spectra": None})
    for name, chosen in map(named, args.models):
        print(f"{name}: {describe(chosen)}", flush=True)
        fitted = pair(chosen, *graphs, valid, settings)
        for kind, model, graph in zip(("candidate", "final"), fitted, graphs, strict=True):
            save_model(model, args.out / name / kind, graph)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
