import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_models import GIVEN, RANK, filter_model, graph, relevant, served, vector_model

from recsmith.compress import records
from recsmith.compress.choose import Row, check_gate, choose, pareto, worth
from recsmith.compress.contract import Knobs
from recsmith.compress.export import export
from recsmith.compress.histories import histories
from recsmith.compress.judge import Judge
from recsmith.compress.measure import Bench, measure
from recsmith.compress.methods import Recipe
from recsmith.config.compress import Compress, Export, Gate, Target
from recsmith.engine.rank.evaluate import evaluate
from recsmith.errors import UserError
from recsmith.model.contract import Model

METRIC = "ndcg@10"


def row(name: float, size: int, retained: float) -> Row:
    return Row(
        Recipe(Knobs("int8", name, "SVD")),
        False,
        size,
        100 / size,
        {METRIC: retained / 2, "recall@5": 0.1},
        retained,
        "SVD",
    )


EXPORT = Row(Recipe(Knobs()), True, 100, 1.0, {METRIC: 0.5, "recall@5": 0.1}, 1.0)


def judge(exact: Model) -> Judge:
    metrics = evaluate(exact, graph(), relevant(), [5, 10], 100)
    return Judge(histories(graph()), relevant(), [5, 10], METRIC, metrics)


@pytest.mark.parametrize("family", ["gnn", "filter"])
def test_every_recipe_is_measured_with_the_lists_that_serve(family: str) -> None:
    exact = vector_model() if family == "gnn" else filter_model(1.0)
    forms = export(exact, graph(), Export(rank=RANK, top_k=90), 7, 100)
    said: list[str] = []
    rows = measure(Bench(forms, judge(exact), GIVEN), Compress(), 7, said.append)
    # Entries are stored alike in int8 and int4, so that one of the two is left out for each sparsity.
    recipes = 6 * len(forms) - 3 * sum(form.item_vectors is None for form in forms.values())
    assert len(rows) == len(said) == len(forms) + recipes
    assert [row.export for row in rows] == [True] * len(forms) + [False] * recipes
    assert rows[0].ratio == 1
    assert rows[0].retained == pytest.approx(1, abs=0.01)
    assert all(0 < row.retained < 1.5 for row in rows)
    assert all(row.bytes < rows[0].bytes for row in rows[len(forms) :])
    assert set(rows[0].metrics) == set(judge(exact).exact)


def test_the_smallest_recipe_that_retains_enough_is_chosen() -> None:
    rows = [EXPORT, row(0.1, 50, 0.999), row(0.2, 25, 0.991), row(0.3, 10, 0.9)]
    assert choose(rows, 0.99) is rows[2]
    assert choose(rows, 0.5) is rows[3]


def test_where_no_recipe_retains_enough_the_best_is_chosen() -> None:
    rows = [EXPORT, row(0.1, 50, 0.97), row(0.2, 25, 0.98), row(0.3, 20, 0.98)]
    assert choose(rows, 0.99) is rows[3]


def test_the_export_itself_is_never_chosen() -> None:
    assert choose([EXPORT, row(0.1, 50, 0.2)], 0.99).export is False


def test_rows_that_another_beats_are_off_the_front() -> None:
    rows = [EXPORT, row(0.1, 50, 0.98), row(0.2, 50, 0.97), row(0.3, 20, 0.9), row(0.4, 30, 0.9)]
    assert pareto(rows) == [rows[0], rows[1], rows[3]]


def test_the_gate_names_recipe_loss_key_and_the_way_back() -> None:
    lost = row(0.5, 10, 0.8)
    with pytest.raises(UserError) as caught:
        check_gate(lost, Gate(retained=0.95), METRIC, 0.5)
    text = str(caught.value)
    for part in (
        "pruned 50%, int8",
        "80.00%",
        "a loss of 20.00%",
        METRIC,
        "params.yaml: compress.gate.retained = 0.95",
    ):
        assert part in text
    assert "`dvc checkout compress`" in text
    with pytest.raises(UserError, match=r"10\.00 times smaller .* compress\.gate\.ratio = 16 asks for more"):
        check_gate(row(0.5, 10, 0.99), Gate(ratio=16), METRIC, 0.5)
    check_gate(row(0.5, 10, 0.99), Gate(), METRIC, 0.5)


def test_nothing_is_lost_where_there_was_nothing_to_lose() -> None:
    nothing = Judge(histories(graph()), relevant(), [10], METRIC, {METRIC: 0.0})
    assert nothing.retained({METRIC: 0.0}) == 1.0


def test_the_table_holds_every_recipe_and_the_choice_what_was_shipped(tmp_path: Path) -> None:
    rows = [EXPORT, row(0.1, 50, 0.999), row(0.2, 25, 0.991)]
    records.write_table(tmp_path / "pareto.csv", rows, rows[2])
    records.write_choice(tmp_path / "choice.json", rows, rows[2], judge(vector_model()), 104, 26)
    table = list(csv.DictReader((tmp_path / "pareto.csv").open()))
    assert [line["recipe"] for line in table] == ["float32, export", "pruned 10%, int8", "pruned 20%, int8"]
    assert [line["chosen"] for line in table] == ["0", "0", "1"]
    assert float(table[2]["retained"]) == 0.991
    assert float(table[2][METRIC]) == rows[2].metrics[METRIC]
    choice = json.loads((tmp_path / "choice.json").read_text())
    assert choice["recipe"] == {
        "name": "pruned 20%, int8",
        "form": "exact",
        "precision": "int8",
        "sparsity": 0.2,
        "pruner": "SVD",
        "block": 0,
        "bytes_a_row": 16,
        "epochs": 0,
    }
    assert choice["reproducible"]
    assert choice["bytes"] == {"chosen": 26, "export": 104}
    assert choice["ratio"] == 4
    assert choice["metrics"] == rows[2].metrics


def test_a_large_share_pruned_costs_quality_on_planted_data() -> None:
    exact = filter_model(1.0)
    model, _ = served("filter", Export(rank=RANK, top_k=90))
    params = Compress(sparsity=(0.0, 0.9), precision=("int8",))
    rows = measure(Bench({"vectors": model}, judge(exact), GIVEN), params, 7, lambda _: None)
    assert np.isfinite([row.retained for row in rows]).all()
    assert rows[2].bytes < rows[1].bytes / 2


RULES = [Target(), Target(bytes=40), Target(ratio=2.2, min_quality=0.9), Target(cost=995), Target(min_quality=0.95)]


@pytest.mark.parametrize("target", RULES)
def test_a_tuner_finds_most_worth_what_the_rule_chooses(target: Target) -> None:
    draw = np.random.default_rng(3)
    shares = draw.permutation(np.linspace(0.8, 1.01, 30)).tolist()
    rows = [replace(row(n / 100, 50 - n, share), cost=1000 - n, quality=share) for n, share in enumerate(shares)]
    for least in (0.9, 0.99, 1.0):
        assert max(rows, key=lambda one: worth(one, least, target)) is choose(rows, least, target)


def test_limits_leave_what_is_within_them_and_the_best_of_it_is_taken() -> None:
    rows = [
        EXPORT,
        *(replace(row(n / 10, 50 - n, 0.999 - n / 100), cost=1000 - n, p99_ms=2.0 - n / 10) for n in range(5)),
    ]
    assert choose(rows, 0.99, Target(bytes=48)) is rows[3]
    assert choose(rows, 0.99, Target(ratio=100 / 47)) is rows[4]
    assert choose(rows, 0.99, Target(cost=999)) is rows[2]
    assert choose(rows, 0.99, Target(p99_ms=1.65)) is rows[5]
    rows = [EXPORT, *(replace(one, quality=one.retained) for one in rows[1:])]
    assert choose(rows, 0.5, Target(min_quality=0.985)) is rows[2]


def test_a_target_that_cannot_be_met_names_the_nearest_recipe_and_the_key() -> None:
    rows = [EXPORT, row(0.1, 50, 0.99), row(0.2, 20, 0.9)]
    with pytest.raises(UserError) as caught:
        choose(rows, 0.99, Target(ratio=50))
    text = str(caught.value)
    for part in ("compress.target.ratio = 50", "pruned 20%, int8", "5.00 times smaller", "`dvc checkout compress`"):
        assert part in text


def test_the_gate_says_what_each_slice_of_users_loses() -> None:
    lost, before = (
        replace(row(0.5, 10, 0.8), slices={"1-9": 0.1, "10-49": 0.4}),
        replace(EXPORT, slices={"1-9": 0.2, "10-49": 0.4}),
    )
    with pytest.raises(UserError, match=r"By activity against the fp32 export: 1-9 50\.00%, 10-49 0\.00%\."):
        check_gate(lost, Gate(retained=0.95), METRIC, 0.5, before)


def test_milliseconds_are_always_measured_and_mark_a_choice_that_depends_on_them(tmp_path: Path) -> None:
    exact = vector_model()
    bench = Bench(export(exact, graph(), Export(), 7, 100), judge(exact), GIVEN)
    rows = measure(bench, Compress(sparsity=(0.0,)), 7, lambda _: None)
    assert all(one.p99_ms is not None and one.p99_ms > 0 for one in rows)
    for timed in (False, True):
        records.write_choice(tmp_path / "choice.json", rows, rows[1], bench.judge, 1, 1, timed=timed)
        assert json.loads((tmp_path / "choice.json").read_text())["reproducible"] is not timed


def test_rows_carry_slices_an_interval_and_the_cost_of_a_query() -> None:
    exact = vector_model()
    bench = Bench(export(exact, graph(), Export(), 7, 100), judge(exact), GIVEN)
    rows = measure(bench, Compress(), 7, lambda _: None)
    for one in rows:
        assert one.interval[0] <= one.quality == one.metrics[METRIC] <= one.interval[1]
        assert one.slices
    assert rows[0].cost == 90 * RANK
    assert rows[-1].cost < rows[0].cost
