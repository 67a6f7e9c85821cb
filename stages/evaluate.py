"""Stage ``evaluate``: how good it is, really. The only stage that opens the sealed test."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsmith.baselines import refit
from recsmith.config.evaluate import Evaluate
from recsmith.config.ingest import Demo
from recsmith.config.search import Search
from recsmith.engine.store import load_model
from recsmith.errors import SizedOut
from recsmith.evaluation.answers import BundleAnswers
from recsmith.evaluation.contest import Contest, baseline_entry, one_each
from recsmith.evaluation.incumbent import Served
from recsmith.evaluation.incumbent import contest as duel
from recsmith.evaluation.judge import Entry, headline_metrics, judge
from recsmith.evaluation.latency import latency
from recsmith.evaluation.oracle import oracle
from recsmith.evaluation.truth import pair_counts, relevant_pairs
from recsmith.evaluation.write import Ids, write_results
from recsmith.files import file_hash, read_json
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import describe
from recsmith.model.record import Record, cutoffs_with, read_records
from recsmith.retrain.incumbent import read_incumbent
from recsmith.serving.bundle import load
from recsmith.sources.demo import true_scores
from stages._fitting import fitting
from stages._stage import DATA, Context, stage

CALLS = 200


def run(context: Context) -> None:
    """Every model ranks for every user of the test; write metrics, per-user values and slices."""
    settings, metric = context.section("evaluate", Evaluate), context.value("search", Search, "metric")
    users = pq.read_table(DATA / "graph/users.parquet")["user_id"].combine_chunks()
    items = pq.read_table(DATA / "graph/items.parquet")["item_id"].combine_chunks()
    ids, test = Ids(users.to_pylist(), items.to_pylist()), pq.read_table(DATA / "split/test.parquet")
    contest = Contest(
        fit=Graph.load(DATA / "graph/fit"),
        valid=Relevant.load(DATA / "graph/valid"),
        refit=Graph.load(DATA / "graph/refit"),
        relevant=relevant_pairs(test, users, items),
        cutoffs=cutoffs_with(metric, settings.cutoffs),
        settings=settings,
        seed=context.run.seed,
        memory_mb=context.run.memory_mb,
    )
    bundle = BundleAnswers(load(DATA / "compress/bundle"), ids.users, ids.items, context.run.memory_mb)
    entries = [*_winners(context, contest, bundle), *_baselines(context, contest)]
    champion = _contest(context, contest, entries[1], ids, metric)
    verdict = judge(entries, contest.relevant, contest.refit, contest.cutoffs, settings, metric, context.run.seed)
    document = {
        "split": _split(contest),
        "users": len(contest.relevant.users),
        "models": verdict.models,
        "paired": verdict.paired,
        "oracle": _oracle(contest, test, ids),
        "contest": champion,
    }
    write_results(context.out, document, verdict, contest.relevant, contest.refit, ids)
    asked = [bundle.user_ids[user] for user in contest.relevant.users[:CALLS]]
    context.timing("bundle_query", latency(lambda user: bundle.bundle.recommend([user], max(contest.cutoffs)), asked))
    context.timing("ranking_ms", contest.ranking_ms)
    headline = headline_metrics(contest.cutoffs, metric)
    rows = [[name, model["architecture"], *map(model["test"].get, headline)] for name, model in verdict.models.items()]
    context.track.table("models", ["model", "architecture", *headline], rows)
    context.track.summary({f"test/{name}": value for name, value in verdict.models["bundle"]["test"].items()})
    for name in headline:
        context.metric(name, verdict.models["full"]["test"][name])


def _winners(context: Context, contest: Contest, bundle: BundleAnswers) -> list[Entry]:
    """The searched model and its compressed form."""
    final = load_model(DATA / "train/final", contest.refit, fitting(context))
    candidate = load_model(DATA / "train/candidate", contest.fit, fitting(context))
    family, text = final.architecture.family, describe(final.architecture)
    full = contest.exact(
        Entry("full", family, text, read_json(DATA / "train/metrics.json")),
        final.model,
        contest.threshold(candidate.model),
    )
    choice = read_json(DATA / "compress/choice.json")
    threshold = (full.link or {})["threshold"]
    return [full, contest.served(Entry("bundle", family, text, choice["metrics"]), bundle, threshold)]


def _contest(context: Context, task: Contest, challenger: Entry, ids: Ids, metric: str) -> dict[str, Any]:
    """The bundle against that of the incumbent, where there is one; what a promotion is decided by."""
    incumbent = read_incumbent(DATA / "incumbent")
    document: dict[str, Any] = {"metric": metric, **incumbent.model_dump(include={"version", "digest"})}
    document["challenger"] = load(DATA / "compress/bundle").manifest["digest"]
    if not incumbent.version or challenger.lists is None:
        return document
    served = Served(load(DATA / "incumbent/bundle"), ids.users, ids.items)
    metrics = headline_metrics(task.cutoffs, metric)
    seed, memory = context.run.seed, context.run.memory_mb
    found = duel(challenger.lists, served, task.relevant, task.refit, metrics, task.settings, seed, memory)
    paired = found["paired"][metric]
    low, high = paired["interval"]
    context.say(f"against version {incumbent.version}: {metric} {paired['difference']:+.5f} [{low:+.5f}, {high:+.5f}]")
    return document | found


def _baselines(context: Context, contest: Contest) -> list[Entry]:
    """Every baseline, fitted again on all that came before the test."""
    entries = []
    for record in one_each(read_records(DATA / "baseline/records.json")):
        entry = baseline_entry(record)
        if entry.note is None:
            entry = _measured(context, contest, entry, record)
        context.say(f"{entry.name}: {entry.note or entry.architecture}")
        entries.append(entry)
    return entries


def _measured(context: Context, contest: Contest, entry: Entry, record: Record) -> Entry:
    """A baseline's answers; where it fitted into memory on train and no longer does, the reason instead."""
    start, threshold = time.perf_counter(), record.threshold
    try:
        if threshold is None:
            threshold = contest.threshold(refit(record, contest.fit, fitting(context)))
        model = refit(record, contest.refit, fitting(context))
    except SizedOut as error:
        return replace(entry, note=str(error))
    context.timing(f"fit_seconds_{record.name}", time.perf_counter() - start)
    return contest.exact(entry, model, threshold)


def _oracle(contest: Contest, test: pa.Table, ids: Ids) -> dict[str, float] | None:
    """The best that anyone could reach; only the demo's truth is known, and only of people who have their names."""
    source = read_json(DATA / "ingest/source.json")
    if source["reader"] != "demo" or "pseudonyms" in source.get("privacy", {}):
        return None
    settings, numbers = Demo(**source["demo"]), {user: number for number, user in enumerate(ids.users)}

    def truth(users: np.ndarray, times: np.ndarray) -> np.ndarray:
        return true_scores(settings, [ids.users[user] for user in users], ids.items, times.tolist())

    rows = np.array([numbers[user] for user in test["user_id"].to_pylist()])
    return oracle(truth, rows, test["timestamp"].to_numpy(), contest.relevant, contest.refit, contest.cutoffs)


def _split(contest: Contest) -> dict[str, object]:
    """What was tested on: the split's method, the md5 of its files, its counts."""
    audit = read_json(DATA / "split/audit.json")
    return {
        "method": audit["method"],
        "md5": {name: file_hash(DATA / f"split/{name}.parquet", "md5") for name in ("train", "valid", "test")},
        "users": contest.refit.n_users,
        "items": contest.refit.n_items,
        "interactions_before_test": contest.refit.n_edges,
        **pair_counts(contest.relevant, contest.refit.indptr[1:] - contest.refit.indptr[:-1]),
    }


if __name__ == "__main__":
    stage("evaluate", run)
