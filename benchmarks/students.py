"""Smaller models of one network side by side: ``python -m benchmarks.students --data DIR --json OUT``.

The winner is LightGCN (``TEACHER``), stopped early by valid as its students are; every form of ``FORMS`` is made of the
candidate and, for as many epochs and with the same seed, of the final model, and beside them stand the winner's own
vectors without the directions that matter least, at the same sizes. All in float32, scored by the code that serves: the
candidate's forms on valid, the final ones on test. ``folded``: nobody's stored vector is used, people are folded in
from histories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.choice import K, settings_of
from benchmarks.common import Data, arguments, data_of, limited_threads, measured_on, run, sections, write_json
from benchmarks.common import table as table_of
from benchmarks.fit import pair
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import EXACT, export
from recsmith.compress.forms import named_forms
from recsmith.compress.histories import histories
from recsmith.compress.methods import Recipe
from recsmith.compress.origin import Form, Made, Origin
from recsmith.config.compress import Compress, Student
from recsmith.engine.fit import FitSettings, Fitted
from recsmith.engine.rank.metrics import evaluate_lists
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Gnn, describe
from recsmith.serving.model import ServingModel, top_k

METRIC = f"ndcg@{K}"
TEACHER = Gnn(loss="sampled_softmax", temperature=0.2, negatives=64, learning_rate=0.01, weight_decay=0.1, dimension=64)
FORMS = Compress(
    forms=("edges", "smaller", "distilled", "graph_free"),
    student=Student(dimensions=(32, 16), distil=("rank", "layers")),
    edges=(0.3, 0.5),
)
BATCH, EPOCHS = 2048, 30
COLUMNS = ("form", "bytes", "ratio", "valid", "retained on valid", "test", "retained on test", "folded on test")


@dataclass(frozen=True)
class Side:
    """The candidate with valid, or the final model with test."""

    origin: Origin
    relevant: Relevant

    def ndcg(self, model: ServingModel) -> float:
        """Of the lists that ``model`` serves."""
        users = self.relevant.users
        lists, _ = top_k(model, histories(self.origin.graph).take(users), K)
        return evaluate_lists(lists, users, self.relevant, [K])[METRIC]


def pruned(share: float, origin: Origin) -> Made:
    """The winner's vectors without a share of their directions."""
    recipe = Recipe(Knobs(sparsity=share, pruner="SVD"))
    return Made(recipe.apply({EXACT: origin.exact}, Calibration(histories(origin.graph), origin.settings.seed)))


def forms(teacher: Gnn, params: Compress) -> dict[str, Form]:
    """The winner, what is cut out of it, and what is trained, by name."""
    sizes = sorted(params.student.dimensions, reverse=True)
    cut: dict[str, Form] = {f"pruned to {size}": partial(pruned, 1 - size / teacher.dimension) for size in sizes}
    return {EXACT: lambda origin: Made(origin.exact), **cut, **named_forms(params, teacher, print)}


def origin(fitted: Fitted, graph: Graph, settings: FitSettings, params: Compress) -> Origin:
    """What forms are made from."""
    exported = export(fitted.model, graph, params.export, settings.seed, settings.memory_mb)
    return Origin(fitted, graph, settings, exported[EXACT], params, partial(print, flush=True))


def rows_of(data: Data, settings: FitSettings, params: Compress) -> Iterator[dict[str, Any]]:
    """The winner, then each form."""
    both = pair(TEACHER, data.fit, data.refit, data.valid, settings)
    graphs = (data.fit, data.refit)
    candidate, final = (origin(one, graph, settings, params) for one, graph in zip(both, graphs, strict=True))
    candidate = replace(candidate, valid=data.valid)
    sides = Side(candidate, data.valid), Side(final, data.test())
    first: dict[str, Any] | None = None
    for name, make in forms(TEACHER, params).items():
        made = make(candidate)
        small, served = made.model, make(replace(final, epochs=made.epochs)).model
        folded = sides[1].ndcg(replace(served, user_vectors=None))
        found = {"valid": sides[0].ndcg(small), "test": sides[1].ndcg(served), "folded on test": folded}
        row = {"form": name, "epochs": made.epochs or both[0].epochs, "bytes": served.model_bytes} | found
        first = first or row
        kept = {f"retained on {side}": row[side] / first[side] for side in ("valid", "test")}
        yield row | kept | {"ratio": first["bytes"] / served.model_bytes}


def main() -> None:
    """Measure, write after each row, print."""
    parser = arguments("students", __doc__)
    parser.add_argument("--dimensions", type=int, nargs="+", default=FORMS.student.dimensions, help="of students")
    parser.add_argument("--forms", nargs="+", default=FORMS.forms, choices=FORMS.forms, help="which (all)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"of the winner, at most ({EPOCHS})")
    args = parser.parse_args()
    given, out = sections(args.params), args.json or Path(".work/benchmarks/students.json")
    student = FORMS.student.model_copy(update={"dimensions": tuple(args.dimensions)})
    params = FORMS.model_copy(update={"forms": tuple(args.forms), "student": student})
    rows: list[dict[str, Any]] = []
    with limited_threads(given.run.threads), data_of(args) as data:
        settings = replace(settings_of(data, given), batch_size=BATCH, max_epochs=args.epochs)
        head = measured_on() | {"dataset": data.name, "split": data.split, "winner": describe(TEACHER)}
        for row in rows_of(data, settings, params):
            rows.append(row)
            write_json(out, head | {"rows": rows})
            print(table_of(COLUMNS, [[row[name] for name in COLUMNS]]), flush=True)
    print(table_of(COLUMNS, [[row[name] for name in COLUMNS] for row in rows]))


if __name__ == "__main__":
    run(main)
