"""compress: how small can it get and still be right? Chosen on the candidate, applied to the final model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from recsmith.compress import pack, records
from recsmith.compress.choose import check_gate, choose, export_loss, losses
from recsmith.compress.contract import Calibration
from recsmith.compress.export import export
from recsmith.compress.forms import made, named_forms
from recsmith.compress.histories import histories
from recsmith.compress.index import indexed
from recsmith.compress.judge import Judge
from recsmith.compress.kept import Kept
from recsmith.compress.measure import Bench, measure
from recsmith.compress.origin import Origin
from recsmith.config.compress import Compress
from recsmith.config.search import Search
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.settings import Fitted
from recsmith.engine.store import load_model, with_learnt
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import describe, recency
from recsmith.model.record import cutoffs_with
from recsmith.search.batch import batch_size
from recsmith.serving.bundle import load
from recsmith.serving.fold_in import FoldIn
from recsmith.serving.inverted import words
from recsmith.serving.model import ServingModel
from recsmith.tables.columns import ITEM, TITLE, USER
from stages._fitting import fitting
from stages._stage import DATA, Context, stage


def run(context: Context) -> None:
    """Measure every recipe on the candidate, choose and gate one, pack the final model with it."""
    params, metric = context.section("compress", Compress), context.value("search", Search, "metric")
    fit, valid = Graph.load(DATA / "graph/fit"), Relevant.load(DATA / "graph/valid")
    candidate = load_model(DATA / "train/candidate", fit, fitting(context))
    seed, memory, cutoffs = context.run.seed, context.run.memory_mb, cutoffs_with(metric)
    exact = evaluate(candidate.model, fit, valid, cutoffs, memory)
    context.say(f"{describe(candidate.architecture)}: exact {metric} {exact[metric]:.5f} on valid")
    fading = recency(candidate.architecture)
    known = histories(fit, fading)
    judge = Judge(known, valid, cutoffs, metric, exact)
    exported = export(candidate.model, fit, params.export, seed, memory)
    beside = named_forms(params, candidate.architecture, context.say)
    if beside:
        exported |= made(beside, _origin(context, "candidate", candidate, fit, params, exported))
    calibration = Calibration(known, seed)
    bench = Bench(exported, judge, calibration, Kept.of(context.work, exported, judge, calibration))
    rows = measure(bench, params, seed, context.say)
    context.say(export_loss(rows[0], metric, exact[metric]))
    chosen = choose(rows, params.min_retained, params.target)
    context.say(f"lost by activity, against the fp32 export: {losses(chosen, rows[0])}")
    context.track.table(
        "pareto", ["recipe", "bytes", "ratio", "retained"], [[r.name, r.bytes, r.ratio, r.retained] for r in rows]
    )
    points = [(row.bytes, row.retained) for row in rows]
    context.track.scatter("pareto_plot", points, ("bytes", "retained"), "Size against quality (validation)")
    check_gate(chosen, params.gate, metric, exact[metric], rows[0])

    refit = Graph.load(DATA / "graph/refit")
    final = load_model(DATA / "train/final", refit, fitting(context))
    full = export(final.model, refit, params.export, seed, memory)
    reference = next(iter(full.values())).model_bytes
    if chosen.recipe.form in beside:
        wanted = {chosen.recipe.form: beside[chosen.recipe.form]}
        full |= made(wanted, _origin(context, "final", final, refit, params, full))
    everybody = histories(refit, fading)
    small = replace(chosen.recipe.apply(full, Calibration(everybody, seed)), fold_in=FoldIn(recency=fading))
    found = indexed(small, everybody, params.index, seed)
    context.say(f"index: {words(found.said)}")
    users, items = pq.read_table(DATA / "graph/users.parquet"), pq.read_table(DATA / "graph/items.parquet")
    people = pack.People(users.column(USER).to_pylist(), everybody)
    quality = {f"valid {metric}": chosen.metrics[metric], "retained on valid": chosen.retained}
    meta = {"architecture": final.architecture.model_dump(mode="json"), "recipe": chosen.name, "quality": quality}
    meta |= {"export_bytes": reference, "index": found.said}
    pack.write(context.out / "bundle", found.model, items.column(ITEM).to_pylist(), people, meta, _titles(items))
    load(context.out / "bundle")
    timed = params.target.p99_ms is not None
    records.write_table(context.out / "pareto.csv", rows, chosen, timed=timed)
    records.write_choice(
        context.out / "choice.json", rows, chosen, judge, reference, found.model.model_bytes, timed=timed
    )
    context.timing("p99_ms", {row.name: row.p99_ms for row in rows})
    context.say(f"chosen: {chosen.name}, {found.model.model_bytes:,} bytes")
    context.metric("retained", chosen.retained)
    context.metric("ratio", chosen.ratio)


def _origin(
    context: Context, kind: str, fitted: Fitted, graph: Graph, params: Compress, exported: Mapping[str, ServingModel]
) -> Origin:
    """What forms are made from; they are trained in batches as the search trains."""
    batch = context.value("search", Search, "batch_size") or batch_size(graph.n_edges)
    settings = replace(fitting(context), batch_size=batch)
    learnt, exact = with_learnt(fitted, DATA / "train" / kind), next(iter(exported.values()))
    return Origin(learnt, graph, settings, exact, params, lambda text: context.say(f"{kind}: {text}"))


def _titles(items: pa.Table) -> list[str] | None:
    """Titles by item, empty where one has none; None where nobody has."""
    titles = items.column(TITLE).to_pylist() if TITLE in items.column_names else []
    return [title or "" for title in titles] if any(titles) else None


if __name__ == "__main__":
    stage("compress", run)
