"""Stage ``train``: what does the winner learn?"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from recsmith.config.evaluate import Evaluate
from recsmith.config.train import Train
from recsmith.engine.fit import FitSettings, Fitted, Start, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.store import save_model
from recsmith.engine.train.progress import line
from recsmith.files import write_json, write_text
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Architecture, describe
from recsmith.model.record import cutoffs_with
from recsmith.retrain.warm import starts
from recsmith.search.winner import read_best
from stages._fitting import SPECTRA
from stages._stage import DATA, Context, stage

BEST = DATA / "search/best.json"


def run(context: Context) -> None:
    """Train the winner on train, stopped early on valid, and on train and valid for as many epochs as were best."""
    params, cutoffs = context.section("train", Train), context.value("evaluate", Evaluate, "cutoffs")
    winner, settings = read_best(BEST, params)
    context.say(f"winner of the search: {describe(winner)}")
    checkpoints = context.work / "checkpoints"
    kept = {"checkpoints": str(checkpoints), "checkpoint_seconds": params.checkpoint_seconds}
    settings = replace(settings, **kept, spectra=str(SPECTRA))
    graph, valid = Graph.load(DATA / "graph/fit"), Relevant.load(DATA / "graph/valid")
    start = _starts(context, winner) if params.warm_start else {}
    candidate = _fit(context, "candidate", winner, graph, settings, valid, start)
    metrics = evaluate(candidate.model, graph, valid, cutoffs_with(settings.metric, cutoffs), settings.memory_mb)
    fixed = replace(settings, epochs=candidate.epochs)
    all_known = Graph.load(DATA / "graph/refit")
    final = _fit(context, "final", winner, all_known, fixed, None, start)
    save_model(candidate, context.out / "candidate", graph)
    save_model(final, context.out / "final", all_known)
    write_text(context.out / "history.csv", history_csv({"candidate": candidate, "final": final}, settings.metric))
    write_json(context.out / "metrics.json", metrics)
    context.metric(settings.metric, metrics[settings.metric])
    shutil.rmtree(checkpoints, ignore_errors=True)


def _fit(
    context: Context,
    name: str,
    winner: Architecture,
    graph: Graph,
    settings: FitSettings,
    valid: Relevant | None,
    starts: Mapping[str, Start],
) -> Fitted:
    told, said = _told(context, name), _said(context, name)
    return fit(winner, graph, settings, valid, told, said, start=starts.get(name))


def _starts(context: Context, winner: Architecture) -> Mapping[str, Start]:
    """What the incumbent learnt, by the ids of today's graph; nothing where it cannot be gone on from."""
    found = starts(DATA / "incumbent", winner, DATA / "graph/users.parquet", DATA / "graph/items.parquet")
    if isinstance(found, str):
        context.say(f"cold start: {found}")
        return {}
    start = found["final"]
    context.say(f"warm start: {start.known:,} of {len(start.nodes):,} users and items go on where the incumbent was")
    return found


def _told(context: Context, name: str) -> Callable[[dict[str, Any]], None]:
    def tell(row: dict[str, Any]) -> None:
        context.say(f"{name}  {line(row)}")
        context.track.log({f"{name}/{key}": value for key, value in row.items()}, over=f"{name}/epoch")

    return tell


def _said(context: Context, name: str) -> Callable[[str], None]:
    return lambda text: context.say(f"{name}  {text}")


def history_csv(models: dict[str, Fitted], metric: str) -> str:
    """A row an epoch (of each part of a blend): model, epoch, loss, and the metric where it was evaluated."""
    text = io.StringIO()
    fits = [(name, fitted) for name, whole in models.items() for fitted in (whole, *whole.parts)]
    rows = [[name, row["epoch"], row["loss"], row.get(metric, "")] for name, fitted in fits for row in fitted.history]
    csv.writer(text, lineterminator="\n").writerows([["model", "epoch", "loss", metric], *rows])
    return text.getvalue()


if __name__ == "__main__":
    stage("train", run)
