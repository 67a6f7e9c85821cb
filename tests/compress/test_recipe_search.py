"""Recipes are proposed by NNI's tuners, measured once, and found again."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from planted_models import GIVEN, RANK, filter_model, graph, relevant

from recsmith.compress import records
from recsmith.compress.choose import Row, choose
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import BOTH, ENTRIES, TIED, VECTORS, export
from recsmith.compress.histories import histories
from recsmith.compress.judge import Judge
from recsmith.compress.kept import Kept
from recsmith.compress.measure import Bench, measure
from recsmith.compress.methods import Recipe
from recsmith.compress.space import recipe_of, recipes, tree
from recsmith.config.compress import Compress, Export, Precision, RecipeSearch, Tune
from recsmith.engine.rank.evaluate import evaluate
from recsmith.search.tree import proposals, size
from recsmith.serving.model import ServingModel

METRIC = "ndcg@10"
ENDED_AT = 8
"""Applications of recipes, the last of which is not finished."""
WIDE = Compress(
    precision=("int8", "int4", "product"),
    sparsity=(0.0, 0.5),
    search=RecipeSearch(pruner=("SVD", "L1"), block=(0, 4), bytes_a_row=(2, 4), epochs=(0, 1)),
)


def searched(strategy: str, trials: int = 6) -> Compress:
    values = {"strategy": strategy, "trials": trials}
    return WIDE.model_copy(update={"search": WIDE.search.model_copy(update=values)})


@pytest.fixture(scope="module")
def bench() -> Bench:
    exact = filter_model(1.0)
    metrics = evaluate(exact, graph(), relevant(), [10], 100)
    judge = Judge(histories(graph()), relevant(), [10], METRIC, metrics)
    return Bench(export(exact, graph(), Export(rank=RANK, top_k=12), 7, 100), judge, GIVEN)


@pytest.fixture
def resumable(bench: Bench, tmp_path: Path) -> Bench:
    return replace(bench, kept=Kept.of(tmp_path, bench.exported, bench.judge, bench.calibration))


def names(rows: list[Row]) -> list[str]:
    return [row.name for row in rows]


def silent(_: str) -> None:
    """Says nothing."""


def untimed(rows: list[Row]) -> list[Row]:
    return [replace(row, p99_ms=None) for row in rows]


def test_a_space_of_single_values_is_every_form_with_every_sparsity_and_precision(bench: Bench) -> None:
    params = Compress(precision=("int8", "int4"), sparsity=(0.5, 0.0), pruner="L1", block=8, tune=Tune(epochs=2))
    found = recipes(params, bench.exported)
    assert [(one.form, one.knobs.sparsity, one.knobs.precision) for one in found] == [
        (form, sparsity, precision)
        for form in bench.exported
        for sparsity in (0.0, 0.5)
        for precision in (("int8",) if form == ENTRIES else ("int8", "int4"))
    ]
    assert {one.form: one.knobs.tune.epochs for one in found} == {BOTH: 0, VECTORS: 2, ENTRIES: 0, TIED: 2}
    assert {one.knobs.block for one in found if one.knobs.precision == "int4" and one.form != ENTRIES} == {8}
    assert {one.knobs.pruner for one in found if one.form == VECTORS and one.knobs.sparsity} == {"L1"}


@pytest.mark.parametrize(
    ("asked", "told_apart"),
    [
        (("int2", "int8", "product"), ["int8"]),
        (("float16", "int4", "reranked"), ["float16", "int4"]),
        (("float32", "float16"), ["float32", "float16"]),
    ],
)
def test_entries_alone_are_tried_once_in_eight_bits(
    bench: Bench, asked: tuple[Precision, ...], told_apart: list[str]
) -> None:
    params = Compress(precision=asked, sparsity=(0.0,))
    assert [one.knobs.precision for one in recipes(params, {ENTRIES: bench.exported[ENTRIES]})] == told_apart
    stored = [Recipe(Knobs(name), ENTRIES).apply(bench.exported, GIVEN).sparse for name in asked]
    assert len({table.precision for table in stored if table is not None}) == len(told_apart)


def test_knobs_are_chosen_where_something_reads_them_and_no_recipe_stands_twice(bench: Bench) -> None:
    found = [recipe_of(WIDE, proposal) for proposal in proposals(tree(WIDE, bench.exported))]
    assert len(set(map(repr, found))) == len({one.name for one in found}) == size(tree(WIDE, bench.exported))
    both = [one for one in found if one.form == BOTH]
    assert {one.knobs.pruner for one in both} == {"SVD"}
    assert {one.knobs.tune.epochs for one in both} == {0}
    assert {one.knobs.block for one in both if one.knobs.precision == "int4"} == {0, 4}
    assert {one.knobs.block for one in found if one.form == ENTRIES} == {0}
    assert {one.knobs.pruner for one in found if one.form == TIED and one.knobs.sparsity} == {"SVD", "L1"}


@pytest.mark.parametrize("strategy", ["tpe", "evolution", "random"])
def test_a_seed_repeats_its_recipes_and_none_is_proposed_twice(strategy: str, bench: Bench) -> None:
    first, again, other = (untimed(measure(bench, searched(strategy), seed, silent)) for seed in (7, 7, 8))
    assert first == again
    assert names(first) != names(other)
    assert len(set(names(first))) == len(first) == len(bench.exported) + 6
    assert [row.trial for row in first] == [0] * len(bench.exported) + list(range(1, 7))


def test_a_search_that_was_ended_measures_nothing_again_and_ends_as_undisturbed(
    resumable: Bench, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = measure(bench, searched("tpe"), 7, silent)
    applied: list[str] = []
    apply = Recipe.apply

    def counted(recipe: Recipe, exported: Mapping[str, ServingModel], calibration: Calibration) -> ServingModel:
        applied.append(recipe.name)
        if len(applied) == ENDED_AT:
            raise KeyboardInterrupt
        return apply(recipe, exported, calibration)

    monkeypatch.setattr(Recipe, "apply", counted)
    with pytest.raises(KeyboardInterrupt):
        measure(resumable, searched("tpe"), 7, silent)
    said: list[str] = []
    rows = measure(resumable, searched("tpe"), 7, said.append)
    assert untimed(rows) == untimed(undisturbed)
    assert len(applied) == len(rows) + 1
    assert applied[ENDED_AT - 1] == applied[ENDED_AT]
    assert sum("(known)" in line for line in said) == ENDED_AT - 1


def test_rows_are_not_found_again_for_other_models_another_valid_or_another_seed(bench: Bench, tmp_path: Path) -> None:
    first = Kept.of(tmp_path, bench.exported, bench.judge, bench.calibration)
    fewer = {name: model for name, model in bench.exported.items() if name != BOTH}
    folders = {
        first.folder,
        Kept.of(tmp_path, fewer, bench.judge, bench.calibration).folder,
        Kept.of(tmp_path, bench.exported, replace(bench.judge, relevant=relevant(2)), bench.calibration).folder,
        Kept.of(tmp_path, bench.exported, bench.judge, replace(bench.calibration, seed=8)).folder,
    }
    assert len(folders) == 4
    assert Kept.of(tmp_path, bench.exported, bench.judge, bench.calibration) == first


def test_a_row_that_cannot_be_read_is_measured_anew(resumable: Bench) -> None:
    assert resumable.kept is not None
    recipe = recipes(WIDE, resumable.exported)[0]
    row, known = resumable.row(recipe, export=False)
    assert (known, resumable.row(recipe, export=False)) == (False, (row, True))
    for path in resumable.kept.folder.iterdir():
        path.write_text("{", encoding="utf-8")
    assert resumable.row(recipe, export=False)[1] is False


def test_a_search_of_the_whole_space_chooses_what_the_grid_chooses(bench: Bench) -> None:
    params = Compress(precision=("int8", "int4"), sparsity=(0.0, 0.5))
    grid = measure(bench, params, 7, silent)
    other = params.model_copy(update={"search": RecipeSearch(strategy="tpe", trials=99)})
    assert choose(measure(bench, other, 7, silent), 0.95).name == choose(grid, 0.95).name


def test_the_table_says_which_trial_measured_a_recipe_and_with_which_knobs(bench: Bench, tmp_path: Path) -> None:
    rows = measure(bench, searched("random"), 7, silent)
    records.write_table(tmp_path / "pareto.csv", rows, rows[-1])
    table = list(csv.DictReader((tmp_path / "pareto.csv").open()))
    assert [int(line["trial"]) for line in table] == [row.trial for row in rows]
    for line, row in zip(table, rows, strict=True):
        knobs = row.recipe.knobs
        assert (int(line["block"]), int(line["bytes_a_row"])) == (knobs.block, knobs.bytes_a_row)
        assert (int(line["epochs"]), line["p99_ms"]) == (knobs.tune.epochs, "")
    records.write_table(tmp_path / "timed.csv", rows, rows[-1], timed=True)
    timed = list(csv.DictReader((tmp_path / "timed.csv").open()))
    assert all(float(line["p99_ms"]) > 0 for line in timed)
