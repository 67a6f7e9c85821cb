"""Stage ``baseline``: what would you use without Recsmith?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from recsmith.baselines import tune
from recsmith.baselines.journal import Journal
from recsmith.baselines.tables import COLUMNS, line, rows, summary, write_trials
from recsmith.config.baseline import Baseline
from recsmith.config.evaluate import Evaluate
from recsmith.config.search import Search
from recsmith.engine.train.progress import line as epoch_line
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.record import Record, cutoffs_with, write_records
from stages._fitting import fitting
from stages._stage import DATA, Context, stage


def run(context: Context) -> None:
    """Tune every baseline on valid; write ``records.json`` and ``trials.csv``."""
    params, metric = context.section("baseline", Baseline), context.value("search", Search, "metric")
    cutoffs = cutoffs_with(metric, context.value("evaluate", Evaluate, "cutoffs"))
    graph, valid = Graph.load(DATA / "graph/fit"), Relevant.load(DATA / "graph/valid")
    context.say(f"{graph.n_users:,} users, {graph.n_items:,} items, {graph.n_edges:,} interactions")
    settings = replace(fitting(context), metric=metric)
    journal, finished = Journal(context.work / "finished"), []

    def on_record(record: Record) -> None:
        journal.keep(record)
        finished.append(record)
        context.say(line(finished, metric))

    def on_epoch(row: dict[str, Any]) -> None:
        if metric in row:
            context.say(f"     lightgcn {epoch_line(row)}")
        context.track.log(row, over="epoch")

    records = tune(
        params,
        graph,
        valid,
        settings,
        cutoffs,
        on_record=on_record,
        on_epoch=on_epoch,
        known=journal.known,
        negatives=context.value("evaluate", Evaluate, "negatives"),
    )
    write_records(context.out / "records.json", records)
    write_trials(context.out / "trials.csv", records)
    context.say(summary(records, metric))
    context.track.table("trials", COLUMNS, rows(records))
    for record in records:
        if record.chosen:
            context.metric(f"{record.name}/{metric}", record.metrics[metric])
    journal.clear()


if __name__ == "__main__":
    stage("baseline", run)
