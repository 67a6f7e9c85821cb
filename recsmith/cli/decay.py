"""``recsmith decay``: how quality falls without retraining, and what retraining wins back."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path

from recsmith.config.base import Run
from recsmith.config.ingest import EVENTS
from recsmith.config.read import read_section
from recsmith.config.retrain import WORK, Retrain
from recsmith.config.train import Train
from recsmith.errors import UserError
from recsmith.files import write_json, write_text
from recsmith.output import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameter file (params.yaml)")
    best = "the architecture (data/search/best.json)"
    parser.add_argument("--best", type=Path, default=Path("data/search/best.json"), help=best)
    parser.add_argument("--out", type=Path, default=Path(WORK), help=f"where decay.html, .csv and .json go ({WORK})")


def run(args: argparse.Namespace) -> None:
    """Replay the log with the winner's architecture."""
    from recsmith.model.architecture import describe
    from recsmith.retrain.decay import Replay, won_back
    from recsmith.retrain.decay_page import render, table_csv
    from recsmith.retrain.log import events, read_log
    from recsmith.search.winner import read_best

    root = args.params.parent
    retrain, train = read_section(args.params, "retrain", Retrain), read_section(args.params, "train", Train)
    common = read_section(args.params, "run", Run)
    log = read_log(root / EVENTS)
    if not log.parts:
        raise UserError(f"{EVENTS} holds no events. Begin with `recsmith events init`.")
    winner, settings = read_best(root / args.best, train)
    settings = replace(settings, **common.model_dump())
    say(f"{log.rows:,} events, {retrain.decay.windows} windows: {describe(winner)}")
    replay = Replay(events(root / EVENTS, log.parts), retrain.decay.windows, retrain.decay.first, settings)
    rows = []
    for row in replay.rows(winner):
        rows.append(row)
        say(f"window {row.window}  {row.way:4}  {settings.metric} {row.value:.4f}  {row.epochs:>3} epochs")
    gains = {way: won_back(rows, way) for way in ("cold", "warm") if any(row.way == way for row in rows)}
    document = {"metric": settings.metric, "rows": [asdict(row) for row in rows], "won_back": gains}
    write_json(args.out / "decay.json", document)
    write_text(args.out / "decay.csv", table_csv(rows))
    write_text(args.out / "decay.html", render(rows, settings.metric, describe(winner)))
    for way, gain in gains.items():
        say(f"{way}: {sum(gain) / len(gain):+.4f} on average over the model that was left as it was")
    say(f"The page: {args.out / 'decay.html'}")
