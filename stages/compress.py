"""compress: how small can it get and still be right? Chosen on the candidate, applied to the final model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.parquet as pq

from recsmith.compress import pack, records
from recsmith.compress.choose import Row, check_gate, choose, export_loss, losses
from recsmith.compress.contract import Calibration
from recsmith.compress.export import export
from recsmith.compress.forms import made, models_of, named_forms
from recsmith.compress.histories import histories
from recsmith.compress.index import indexed
from recsmith.compress.judge import Judge
from recsmith.compress.kept import Kept
from recsmith.compress.kept_forms import KeptForms
from recsmith.compress.measure import Bench, measure
from recsmith.compress.origin import Form, Made, Origin
from recsmith.config.compress import Compress
from recsmith.config.search import Search
from recsmith.config.train import Train
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.settings import Fitted
from recsmith.engine.store import load_model, with_learnt
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import describe, recency
from recsmith.model.record import cutoffs_with
from recsmith.search.winner import read_best
from recsmith.serving.bundle import load
from recsmith.serving.fold_in import FoldIn
from recsmith.serving.inverted import words
from recsmith.serving.model import Batch, ServingModel
from recsmith.tables.columns import ITEM, TITLE, USER
from stages._fitting import SPECTRA, fitting
from stages._stage import DATA, Context, stage


@dataclass(frozen=True)
class _Exported:
    """A fitted model, the graph it was fitted on, and its forms in fp32."""

    kind: str
    fitted: Fitted
    graph: Graph
    forms: dict[str, ServingModel]
    trained: dict[str, Made] = field(default_factory=dict)
    """Those of the forms that were made by training."""

    @property
    def fading(self) -> float:
        """How fast the histories of its users fade."""
        return recency(self.fitted.architecture)

    @property
    def histories(self) -> Batch:
        """What each of its users is scored by."""
        return histories(self.graph, self.fading)

    @property
    def bytes(self) -> int:
        """Of its first form, which ratios are told against."""
        return next(iter(self.forms.values())).model_bytes


@dataclass(frozen=True)
class _Training:
    """What forms are made by training with, and where they are kept."""

    context: Context
    params: Compress
    kept: KeptForms

    def added(
        self,
        exported: _Exported,
        forms: Mapping[str, Form],
        valid: Relevant | None = None,
        candidate: Mapping[str, Made] | None = None,
    ) -> _Exported:
        """It with these forms as well, trained as the stage train would: the candidate by ``valid``, the final model
        as long as the same forms of the candidate."""
        if not forms:
            return exported
        found = made(forms, self._origin(exported, valid), self.kept, candidate)
        return replace(exported, forms=exported.forms | models_of(found), trained=found)

    def _origin(self, exported: _Exported, valid: Relevant | None) -> Origin:
        context = self.context
        best = read_best(DATA / "search/best.json", context.section("train", Train))[1]
        return Origin(
            fitted=with_learnt(exported.fitted, DATA / "train" / exported.kind),
            graph=exported.graph,
            settings=replace(best, spectra=str(SPECTRA)),
            exact=next(iter(exported.forms.values())),
            params=self.params,
            say=lambda text: context.say(f"{exported.kind}: {text}"),
            valid=valid,
        )


def run(context: Context) -> None:
    """Measure every recipe on the candidate, choose and gate one, pack the final model with it."""
    params = context.section("compress", Compress)
    candidate = _exported(context, params, "candidate", "fit")
    trained = named_forms(params, candidate.fitted.architecture, context.say)
    training, valid = _Training(context, params, KeptForms(context.work / "forms")), Relevant.load(DATA / "graph/valid")
    candidate = training.added(candidate, trained, valid)
    judge = _judge(context, candidate, valid)
    rows = _measured(context, params, candidate, judge)
    chosen = choose(rows, params.min_retained, params.target)
    context.say(f"lost by activity, against the fp32 export: {losses(chosen, rows[0])}")
    check_gate(chosen, params.gate, judge.metric, judge.exact[judge.metric], rows[0])

    final = _exported(context, params, "final", "refit")
    wanted = {name: make for name, make in trained.items() if name == chosen.recipe.form}
    final = training.added(final, wanted, candidate=candidate.trained)
    size = _packed(context, params, final, chosen, judge.metric)
    timed = params.target.p99_ms is not None
    records.write_table(context.out / "pareto.csv", rows, chosen, timed=timed)
    records.write_choice(context.out / "choice.json", rows, chosen, judge, final.bytes, size, timed=timed)
    training.kept.drop_others()
    context.say(f"chosen: {chosen.name}, {size:,} bytes")
    _tracked(context, rows, chosen)


def _exported(context: Context, params: Compress, kind: str, graph: str) -> _Exported:
    """The model that train made of this kind, in the forms that need no training."""
    fitted_on = Graph.load(DATA / "graph" / graph)
    fitted = load_model(DATA / "train" / kind, fitted_on, fitting(context))
    run = context.run
    forms = export(fitted.model, fitted_on, params.export, run.seed, run.memory_mb)
    return _Exported(kind, fitted, fitted_on, forms)


def _judge(context: Context, candidate: _Exported, valid: Relevant) -> Judge:
    """Valid, and the exact candidate's metrics there."""
    metric = context.value("search", Search, "metric")
    cutoffs = cutoffs_with(metric)
    exact = evaluate(candidate.fitted.model, candidate.graph, valid, cutoffs, context.run.memory_mb)
    context.say(f"{describe(candidate.fitted.architecture)}: exact {metric} {exact[metric]:.5f} on valid")
    return Judge(candidate.histories, valid, cutoffs, metric, exact)


def _measured(context: Context, params: Compress, candidate: _Exported, judge: Judge) -> list[Row]:
    """Every recipe on the candidate; those that an ended run measured are read."""
    calibration = Calibration(judge.histories, context.run.seed)
    kept = Kept.of(context.work, candidate.forms, judge, calibration)
    rows = measure(Bench(candidate.forms, judge, calibration, kept), params, context.run.seed, context.say)
    context.say(export_loss(rows[0], judge.metric, judge.exact[judge.metric]))
    return rows


def _packed(context: Context, params: Compress, final: _Exported, chosen: Row, metric: str) -> int:
    """Bytes of the final model in the bundle, compressed by the chosen recipe."""
    seed, known = context.run.seed, final.histories
    model = chosen.recipe.apply(final.forms, Calibration(known, seed))
    found = indexed(replace(model, fold_in=FoldIn(recency=final.fading)), known, params.index, seed)
    context.say(f"index: {words(found.said)}")
    users, items = pq.read_table(DATA / "graph/users.parquet"), pq.read_table(DATA / "graph/items.parquet")
    people = pack.People(users.column(USER).to_pylist(), known)
    meta = {
        "architecture": final.fitted.architecture.model_dump(mode="json"),
        "recipe": chosen.name,
        "quality": {f"valid {metric}": chosen.metrics[metric], "retained on valid": chosen.retained},
        "export_bytes": final.bytes,
        "index": found.said,
    }
    pack.write(context.out / "bundle", found.model, items.column(ITEM).to_pylist(), people, meta, _titles(items))
    load(context.out / "bundle")
    return found.model.model_bytes


def _tracked(context: Context, rows: list[Row], chosen: Row) -> None:
    """What a reviewer of the run sees."""
    table = [[row.name, row.bytes, row.ratio, row.retained] for row in rows]
    context.track.table("pareto", ["recipe", "bytes", "ratio", "retained"], table)
    points = [(row.bytes, row.retained) for row in rows]
    context.track.scatter("pareto_plot", points, ("bytes", "retained"), "Size against quality (validation)")
    context.timing("p99_ms", {row.name: row.p99_ms for row in rows})
    context.metric("retained", chosen.retained)
    context.metric("ratio", chosen.ratio)


def _titles(items: pa.Table) -> list[str] | None:
    """Titles by item, empty where one has none; None where nobody has."""
    titles = items.column(TITLE).to_pylist() if TITLE in items.column_names else []
    return [title or "" for title in titles] if any(titles) else None


if __name__ == "__main__":
    stage("compress", run)
