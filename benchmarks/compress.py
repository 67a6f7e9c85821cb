"""Bytes against quality and latency of bundles: ``python -m benchmarks.compress --data DIR --json OUT [NAME=FILE...]``.

Models are architectures in JSON files (default: LightGCN of ``settings/lightgcn.json``), fitted here or, with
``--models``, by ``benchmarks.fit``; ``--search filters`` adds the best that this preset finds, as ``winner``. The fp32
export (networks as they are, filters of rank 256) is the reference; filters are tried as low rank plus sparse and as
sparse too. All recipes are measured on drawn users of valid and the best few for each ratio of ``MARKS`` on all of
valid; the best of these is applied to the final model, packed, and stays on disk. A process that has numpy and the
scorer's library alone answers everybody from it; its lists are scored on the sealed test, bytes are read off the files.
Rows are kept beside the bundles, so that a run that was cut off measures no recipe again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.choice import K, of_space, settings_of
from benchmarks.common import (
    ROOT,
    Data,
    Sections,
    arguments,
    data_of,
    limited_threads,
    measured_on,
    run,
    sections,
    write_json,
)
from benchmarks.common import table as table_of
from benchmarks.entropy import popular, subsets
from benchmarks.fit import named, pair
from recsmith.compress import pack
from recsmith.compress.choose import Row
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import BOTH, ENTRIES, VECTORS, export
from recsmith.compress.forms import made, models_of, named_forms
from recsmith.compress.histories import histories
from recsmith.compress.judge import Judge
from recsmith.compress.kept import Kept
from recsmith.compress.kept_forms import KeptForms
from recsmith.compress.measure import Bench, measure
from recsmith.compress.methods import Recipe
from recsmith.compress.origin import Origin
from recsmith.config.compress import Compress, Export, RecipeSearch
from recsmith.engine.fit import FitSettings, Fitted
from recsmith.engine.rank.metrics import evaluate_lists
from recsmith.engine.store import load_model, with_learnt
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Architecture, describe, recency
from recsmith.serving.contents import contents
from recsmith.serving.fold_in import FoldIn
from recsmith.serving.model import Batch, ServingModel

MARKS = (3.7, 8.0, 16.0, 25.0)
METRIC = f"ndcg@{K}"
EXPORT = Export(rank=256, top_k=0)
COMBINED = Export(rank=128, top_k=64)
"""Half of the rank, and what is tried beside it in entries."""
LADDER = Compress(
    export=EXPORT,
    precision=("float16", "int8", "int4", "int2", "int1", "product"),
    sparsity=(0.0, 0.125, 0.25, 0.5, 0.75),
    search=RecipeSearch(bytes_a_row=(8, 14, 16)),
    refit=2,
)
COLUMNS = ("model", "method", "bytes", "ratio", METRIC, "retained", "p50_ms", "p99_ms", "bundle")
LIGHTGCN = f"lightgcn={ROOT / 'benchmarks/settings/lightgcn.json'}"


@dataclass(frozen=True)
class Setting:
    """What all models of a run share."""

    data: Data
    given: Sections
    test: Relevant
    valid: Relevant
    """Of as many users as recipes are measured on."""
    rescored: int
    """So many recipes a mark are measured on all of valid before one is chosen."""
    bundles: Path
    threads: int
    ladder: Compress
    combined: bool
    """Whether filters are tried with entries of the item-item table too."""

    @property
    def fitting(self) -> FitSettings:
        return settings_of(self.data, self.given)


def sampled(valid: Relevant, users: int, seed: int) -> Relevant:
    """The pairs of at most so many users, drawn with a seed."""
    if len(valid.users) <= users:
        return valid
    drawn = np.zeros(len(valid.cold), bool)
    drawn[np.random.default_rng(seed).choice(valid.users, users, replace=False)] = True
    counts = np.where(drawn, np.diff(valid.indptr), 0)
    kept = np.repeat(drawn, np.diff(valid.indptr))
    return Relevant(np.concatenate(([0], np.cumsum(counts))), valid.indices[kept], np.where(drawn, valid.cold, 0))


def models(args: argparse.Namespace, setting: Setting) -> Iterator[tuple[str, list[Fitted]]]:
    """Each model by name: the candidate (on train) and the final one (on train and valid)."""
    for name, architecture in map(named, args.architectures or ([] if args.search else [LIGHTGCN])):
        yield name, fitted(name, architecture, args.models, setting)
    if args.search:
        preset = setting.given.search.model_copy(update={"preset": args.search})
        given = setting.given.model_copy(update={"search": preset})
        choice = of_space(setting.data, given, args.trials, args.minutes, print)
        yield "winner", [choice.fitted(choice.winner, graph) for graph in (setting.data.fit, setting.data.refit)]


def fitted(name: str, architecture: Architecture, kept: Path | None, setting: Setting) -> list[Fitted]:
    """The two models, read where they were fitted already."""
    data = setting.data
    if kept is not None and (kept / name).is_dir():
        graphs = (("candidate", data.fit), ("final", data.refit))
        found = [(load_model(kept / name / kind, graph, setting.fitting), kept / name / kind) for kind, graph in graphs]
        return [with_learnt(one, folder) if setting.ladder.forms else one for one, folder in found]
    return pair(architecture, data.fit, data.refit, data.valid, setting.fitting)


def rows_of(name: str, both: list[Fitted], setting: Setting) -> Iterator[dict[str, Any]]:
    """The fp32 export, then the best recipe for each mark, each packed and measured."""
    candidate, final = both
    data, run_of, fading = setting.data, setting.given.run, recency(both[0].architecture)
    print(f"{name}: {describe(candidate.architecture)}", flush=True)
    forms, kept = named_forms(setting.ladder, candidate.architecture, print), KeptForms(setting.bundles / "forms")
    small, full = exports(candidate, data.fit, setting), exports(final, data.refit, setting)
    trained = made(forms, replace(origin(candidate, data.fit, small, setting), valid=data.valid), kept)
    chosen = ladder(small | models_of(trained), setting, histories(data.fit, fading))
    everybody, wanted = histories(data.refit, fading), {row.recipe.form for _, row in chosen}
    needed = {form: make for form, make in forms.items() if form in wanted}
    full |= models_of(made(needed, origin(final, data.refit, full, setting), kept, trained))
    reference: dict[str, Any] | None = None
    for mark, row in chosen:
        small = row.recipe.apply(full, Calibration(everybody, run_of.seed))
        folder = setting.bundles / f"{data.name}-{name}-{mark:g}x"
        people = pack.People(data.users.to_pylist(), everybody)
        meta = {"architecture": final.architecture.model_dump(mode="json"), "recipe": row.recipe.name}
        meta |= {
            "export_bytes": next(iter(full.values())).model_bytes,
            "quality": {f"valid {METRIC}": row.metrics[METRIC]},
        }
        served = replace(small, fold_in=FoldIn(recency=fading))
        pack.write(folder, served, data.items.to_pylist(), people, meta)
        found = {"model": name, "mark": mark, "method": row.recipe.name, "valid_retained": row.retained}
        found |= weighed(folder, everybody) | served_by(folder, setting)
        reference = reference or found
        found["ratio"] = reference["bytes"] / found["bytes"]
        found["retained"] = found[METRIC] / reference[METRIC] if reference[METRIC] else 1.0
        yield found


def ladder(exported: dict[str, ServingModel], setting: Setting, known: Batch) -> list[tuple[float, Row]]:
    """For each mark the recipe that is best on valid among those that are small enough; the fp32 export first.

    ``exported``: the candidate in all its forms, whose people ``known`` has.
    """
    run_of = setting.given.run
    plain, calibration = Recipe(Knobs(), next(iter(exported))), Calibration(known, run_of.seed)
    drawn, whole = (
        bench_of(exported, setting, Judge(known, valid, (K,), METRIC, {METRIC: 0.0}), calibration, plain)
        for valid in (setting.valid, setting.data.valid)
    )
    rows = measure(drawn, setting.ladder, run_of.seed, print)
    reaching = [(mark, [row for row in rows if row.ratio >= mark]) for mark in MARKS]
    best = [(mark, best_of(small, whole, setting.rescored)) for mark, small in reaching if small]
    return [(1.0, rows[0]), *best]


def bench_of(
    exported: Mapping[str, ServingModel], setting: Setting, judge: Judge, calibration: Calibration, plain: Recipe
) -> Bench:
    """What recipes are measured with on the valid of ``judge``, against what the fp32 export has there."""
    judge = replace(judge, exact=judge.metrics(plain.apply(exported, calibration)).metrics)
    return Bench(exported, judge, calibration, Kept.of(setting.bundles / "recipes", exported, judge, calibration))


def best_of(rows: list[Row], whole: Bench, rescored: int) -> Row:
    """The best on all of valid of the best few on the drawn users; of equals the smaller."""
    few = sorted(rows, key=lambda row: (row.retained, row.ratio), reverse=True)[:rescored]
    found = [whole.row(row.recipe, export=row.export)[0] for row in few]
    for row in found:
        print(f"  on all of valid: {row.name:<29} {row.ratio:6.2f}x  retained {row.retained:.2%}", flush=True)
    return max(found, key=lambda row: (row.retained, row.ratio))


def exports(fitted: Fitted, graph: Graph, setting: Setting) -> dict[str, ServingModel]:
    """The forms of the export, the reference first; those of a filter with entries are those of ``COMBINED``."""
    run_of = setting.given.run
    found = export(fitted.model, graph, EXPORT, run_of.seed, run_of.memory_mb)
    if VECTORS not in found or not setting.combined:
        return found
    beside = export(fitted.model, graph, COMBINED, run_of.seed, run_of.memory_mb)
    return found | {name: beside[name] for name in (BOTH, ENTRIES)}


def origin(fitted: Fitted, graph: Graph, exported: Mapping[str, ServingModel], setting: Setting) -> Origin:
    """What forms beside the export are made from."""
    return Origin(fitted, graph, setting.fitting, next(iter(exported.values())), setting.ladder, print)


def weighed(folder: Path, everybody: Batch) -> dict[str, Any]:
    """Bytes read off the files, and what histories could take at least."""
    found = contents(folder)
    n_items = found.manifest["items"]
    return {
        "bytes": found.bytes_of("model"),
        "file_bytes": sum(found.file_bytes.values()),
        "people_vector_bytes": found.bytes_of("people"),
        "history_bytes": found.bytes_of("histories"),
        "history_floor_bytes": popular(everybody, n_items),
        "history_subset_bytes": subsets(everybody, n_items),
        "bundle": str(folder),
    }


def served_by(folder: Path, setting: Setting) -> dict[str, Any]:
    """What a process with numpy alone says: one thread, and for everybody's lists as many as are allowed."""
    with tempfile.TemporaryDirectory(prefix="recsmith-alone-") as parent:
        lists = Path(parent) / "lists.npy"
        found = alone(folder, lists, 1)
        found["all_users_one_thread_s"], found["all_users_cpu_s"] = found["all_users_s"], found.pop("all_users_work_s")
        if setting.threads > 1:
            found["all_users_s"] = alone(folder, lists, setting.threads)["all_users_s"]
        top = np.load(lists)
    users = setting.test.users
    return found | {METRIC: evaluate_lists(top[users], users, setting.test, [K])[METRIC]}


def alone(folder: Path, lists: Path, threads: int) -> dict[str, Any]:
    """The answer of ``benchmarks.alone``."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    command = [sys.executable, "-m", "benchmarks.alone", str(folder), str(lists)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **limits}, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = arguments("compress", __doc__)
    parser.add_argument("architectures", nargs="*", metavar="NAME=FILE", help="JSON of an architecture")
    parser.add_argument("--models", type=Path, metavar="DIR", help="models that benchmarks.fit wrote")
    parser.add_argument("--search", help="preset of a search whose winner takes part")
    parser.add_argument("--minutes", type=float, default=14.0, help="how long that search may take (14)")
    parser.add_argument("--trials", type=int, default=30, help="how many candidates it tries at most (30)")
    parser.add_argument("--valid-users", type=int, default=3000, help="users that recipes are measured on (3000)")
    parser.add_argument("--rescore", type=int, default=3, help="recipes a mark that are measured on all of valid (3)")
    parser.add_argument("--forms", nargs="*", default=[], help="forms made by training that are tried too (slim)")
    parser.add_argument("--no-entries", action="store_true", help="filters are tried as vectors alone (less memory)")
    parser.add_argument("--bundles", type=Path, help="folder of the bundles (default: beside the JSON)")
    return parser.parse_args()


def main() -> None:
    """Measure, write after each row, print."""
    args = parsed()
    given, out = sections(args.params), args.json or Path(".work/benchmarks/compress.json")
    rows: list[dict[str, Any]] = []
    with limited_threads(given.run.threads), data_of(args) as data:
        valid = sampled(data.valid, args.valid_users, given.run.seed)
        ladder = LADDER.model_copy(update={"forms": tuple(args.forms)})
        bundles = args.bundles or out.with_suffix("")
        setting = Setting(
            data, given, data.test(), valid, args.rescore, bundles, given.run.threads, ladder, not args.no_entries
        )
        head = measured_on() | {"dataset": data.name, "users": data.refit.n_users, "items": data.refit.n_items}
        for name, both in models(args, setting):
            for row in rows_of(name, both, setting):
                rows.append(row)
                write_json(out, head | {"rows": rows})
    print(table_of(COLUMNS, [[row[name] for name in COLUMNS] for row in rows]))


if __name__ == "__main__":
    run(main)
