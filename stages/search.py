"""Stage ``search``: which architecture wins here? Trials on ``graph/fit``, crowned on valid."""

from __future__ import annotations

from recsmith.config.evaluate import Evaluate
from recsmith.config.search import Search
from recsmith.files import write_json, write_text
from recsmith.graph.graph import Graph
from recsmith.model.record import read_records
from recsmith.retrain.incumbent import last_winner
from recsmith.search import choose, drive, pareto
from recsmith.search.attempt import tried
from recsmith.search.blending import blend
from recsmith.search.confirm import confirm, price
from recsmith.search.earlier import advice, brought
from recsmith.search.features import features
from recsmith.search.meta import meta_of
from recsmith.search.nas.found import node_scores_csv
from recsmith.search.rescore import refit, rescore
from recsmith.search.served import Catalogue, catalogue
from recsmith.search.space import SearchSpace
from recsmith.search.task import Task, task_of
from recsmith.search.trust import trust, words
from stages._fitting import SPECTRA
from stages._stage import DATA, Context, stage

FIT, VALID = DATA / "graph" / "fit", DATA / "graph" / "valid"
BASELINES = DATA / "baseline" / "records.json"
COLUMNS = ["number", "status", "value", "description"]


def run(context: Context) -> None:
    """Search, crown, and write the winner, the tables of trials, and how far it can be trusted."""
    params = context.section("search", Search)
    cutoffs = context.value("evaluate", Evaluate, "cutoffs")
    graph = Graph.load(FIT)
    task = _warmed(context, params, task_of(params, context.run, FIT, VALID, context.work, cutoffs, SPECTRA), graph)
    context.say(f"{graph.n_users:,} users, {graph.n_items:,} items, {graph.n_edges:,} interactions")
    size = SearchSpace(task.space).size
    context.say(f"the space holds {size:,} different candidates; {task.trials} are tried by {task.strategy}")
    context.say(f"networks learn from {task.budget.batch_size:,} interactions a step")
    if (dear := price(task)) is not None:
        context.say(dear)
    answers = drive.search(task, context.work, context.say)
    task = task.cold()
    rows = [*_incumbent(context, task), *choose.candidates(task, answers, read_records(BASELINES))]
    for again in (rescore, refit, blend, confirm):
        rows = again(task, rows, context.say)
    sizes, top = catalogue(graph), choose.crown(rows, params.metric, graph.n_users, graph.n_items)
    best = pareto.preferred(rows, top, params.metric, params.choose, sizes)
    if best is not top:
        context.say(
            f"{params.choose.rule}: {best.value(params.metric):.4f}, where the best is {top.value(params.metric):.4f}"
        )
    choose.write(context.out, task, rows, best)
    _trust(context, task, rows, sizes)
    write_json(context.out / "meta.json", meta_of(graph, params.metric, rows, answers).model_dump(mode="json"))
    write_text(context.out / "node_scores.csv", node_scores_csv(task))
    context.timing("trials", {str(answer.number + 1): answer.seconds for answer in answers})
    context.timing("known", sum(answer.known for answer in answers))
    _report(context, params.metric, rows, best, tracked=params.track_trials)


def _warmed(context: Context, params: Search, task: Task, graph: Graph) -> Task:
    """The task with what earlier searches on other data found best."""
    if not params.warm_start:
        return task
    found = advice(features(graph), brought(DATA / "earlier/runs.json", params.warm_start))
    names = ", ".join(f"{name} ({distance:.2f})" for name, distance in found.near)
    context.say(f"the data of earlier searches, the nearest first: {names}")
    return task.model_copy(update={"earlier": found.settings})


def _incumbent(context: Context, task: Task) -> list[choose.Candidate]:
    """The architecture that the incumbent was searched for, fitted to today's graph: a search begins where it ended."""
    candidate = last_winner(DATA / "incumbent")
    if candidate is None or not SearchSpace(task.space).expresses(candidate):
        return []
    record, _ = tried(task, candidate, task.key(candidate))
    context.say(f"the last winner takes part: {record.describe()}")
    return [choose.Candidate(0, record.model_copy(update={"name": "incumbent"}))]


def _trust(context: Context, task: Task, rows: list[choose.Candidate], sizes: Catalogue) -> None:
    """Write the front of quality against bytes and cost, and how much of the best value is luck."""
    metric, found = task.budget.metric, pareto.points(rows, task.budget.metric, sizes)
    volumes, luck = pareto.volumes(found, sizes), trust(task, rows)
    write_text(context.out / "pareto.csv", pareto.pareto_csv(found))
    write_json(context.out / "trust.json", {"metric": metric, "choice": luck, "front": volumes})
    context.say(words(metric, luck))
    area, reference = volumes["hypervolume"], volumes["reference"]
    context.say(f"{len(pareto.front(found))} of {len(found)} candidates are on the front of quality, bytes and cost")
    context.say(
        f"hypervolume of {metric}: {area['bytes']:.4f} below {reference['bytes']:,} bytes, {area['cost']:.4f} below "
        f"{reference['cost']:,} multiply-adds"
    )


def _report(
    context: Context, metric: str, rows: list[choose.Candidate], best: choose.Candidate, *, tracked: bool
) -> None:
    for row in rows:
        if (value := row.value(metric)) is not None:
            context.track.log({"trial": row.number, metric: value}, over="trial")
    table = [[row.number, row.record.status, row.value(metric), row.record.describe()] for row in rows]
    context.track.table("trials", COLUMNS, table)
    if tracked:
        _track_trials(context, rows)
    origin = f"trial {best.number}" if best.number else f"what was there already, {best.record.name}"
    context.say(f"winner: {best.record.describe()} ({origin})")
    context.metric(metric, best.value(metric) or 0.0)


def _track_trials(context: Context, rows: list[choose.Candidate]) -> None:
    """One W&B run a trial, from the records: while trials run, nothing waits for a tracker."""
    for row in rows:
        if row.number > 0:
            knobs = row.record.architecture.model_dump(mode="json") if row.record.architecture else {}
            said = {"status": row.record.status, "fidelity": row.record.fidelity, "error": row.record.error}
            context.track.trial(row.number, knobs, {**row.record.metrics, **said})


if __name__ == "__main__":
    stage("search", run)
