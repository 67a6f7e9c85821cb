from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import search, search_worth
from benchmarks.regret import compared, interval, regrets
from benchmarks.runs import Run
from benchmarks.table import Row, Table
from recsmith.config.search import Search
from recsmith.errors import UserError
from recsmith.files import read_json
from recsmith.search.tree import flat, proposals

SPACE: dict[str, Any] = {
    "operators": ["none", "lightgcn"],
    "layers": [1, 2, 3],
    "dimension": [8],
    "start": ["random"],
    "combination": ["mean"],
    "edge_dropout": [0.0],
    "loss": ["bpr"],
    "learning_rate": [0.01, 0.02, 0.05],
    "weight_decay": [0.01, 0.1],
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table in which deep networks and small steps are better, and the epochs bring half of it."""
    empty = Table(data="planted", search=Search.model_validate({"preset": "gnn", "max_epochs": 9, "space": SPACE}))
    rows = [_row(proposal) for proposal in proposals(empty.space.tree)]
    path = tmp_path_factory.mktemp("stored") / "table.json"
    empty.model_copy(update={"rows": tuple(rows)}).save(path)
    return path


def _row(proposal: dict[str, Any]) -> Row:
    knobs = flat(proposal)
    value = 0.1 * knobs.get("layers", 0) + 0.2 * (knobs["learning_rate"] < 0.02) + knobs["weight_decay"]
    curve = {epoch: value * (0.5 + epoch / 18) for epoch in range(1, 10)}
    return Row(proposal=proposal, metrics={"ndcg@20": value}, epochs=9, curve=curve)


def called(*words: Any, benchmark: Any = search) -> dict[str, Any]:
    """Run the benchmark in this process; gives what it wrote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["search", *map(str, words)])
        benchmark.main()
    return read_json(words[words.index("--json") + 1])


def test_strategies_are_replayed_over_a_table_at_equal_budget(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "random,tpe,hyperband,regularized_evolution"
    words = ("--strategies", names, "--trials", 9, "--seeds", 2, "--json", tmp_path / "out.json")
    result = called("--table", stored, *words)
    rows = {(row["strategy"], row["seed"]): row for row in result["rows"]}
    assert list(rows) == [(name, seed) for seed in (1, 2) for name in names.split(",")]
    for (name, _), row in rows.items():
        assert row["error"] is None
        assert (row["trials_done"] > 9) == (name == "hyperband")
        assert row["best_valid"] == row["curve"][-1][1] <= result["best_known"]
        assert [best for _, best in row["curve"]] == sorted(best for _, best in row["curve"])
        assert row["curve"][-1][0] <= 9
    assert result["best_known"] == pytest.approx(0.6)
    assert {"machine", "versions", "commit"} <= set(result)
    assert [pair["minus random"] for pair in result["against_random"]] == names.split(",")[1:]
    said = capsys.readouterr().out
    assert "regret after" in said
    assert "minus random" in said


def test_a_strategy_is_held_against_its_refined_self_at_equal_budget(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--strategies", "random", "--refine", 0.7, "--trials", 15, "--json", tmp_path / "out.json")
    result = called("--table", stored, *words)
    rows = [(row["strategy"], row["trials_done"], row["error"]) for row in result["rows"]]
    assert rows == [("random", 15, None), ("random+refine", 15, None)]
    (pair,) = result["against_unrefined"]
    assert (pair["minus random"], pair["pairs"]) == ("random+refine", 1)
    assert pair["mean"] == pytest.approx(result["rows"][1]["best_valid"] - result["rows"][0]["best_valid"])
    assert "minus unrefined" in capsys.readouterr().out


def test_the_same_seeds_are_replayed_the_same(stored: Path, tmp_path: Path) -> None:
    first, second = (
        called("--table", stored, "--strategies", "tpe", "--trials", 6, "--json", tmp_path / f"{number}.json")
        for number in (1, 2)
    )
    assert [row["curve"] for row in first["rows"]] == [row["curve"] for row in second["rows"]]


def test_a_strategy_that_needs_more_than_a_table_is_a_row_with_the_reason(stored: Path, tmp_path: Path) -> None:
    result = called("--table", stored, "--strategies", "enas", "--trials", 3, "--json", tmp_path / "out.json")
    assert result["rows"][0]["best_valid"] is None
    assert "a table holds no graph" in result["rows"][0]["error"]


def test_trials_are_trained_where_no_table_is_given(tmp_path: Path) -> None:
    pairs = [(user, item) for user in range(30) for item in range(user % 2, 30, 2) if (user * item) % 3]
    (tmp_path / "log.csv").write_text("user,item\n" + "\n".join(f"u{user},i{item}" for user, item in pairs))
    words = ("--strategies", "random", "--trials", 2, "--search", "tiny", "--json", tmp_path / "out.json")
    result = called("--data", tmp_path / "log.csv", *words)
    row = result["rows"][0]
    assert (row["trials_done"], row["error"]) == (2, None)
    assert row["best_valid"] > 0
    assert result["against_random"] == []


def test_an_unknown_strategy_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UserError, match=r"--strategies = 'annealing' is unknown. Known: bohb, "):
        search.known(["random", "annealing"])


def test_differences_are_paired_by_seed_and_need_two_for_an_interval() -> None:
    runs = [Run("random", seed, curve=[(1.0, 0.1 * seed)]) for seed in (1, 2, 3)]
    runs += [Run("tpe", seed, curve=[(1.0, 0.1 * seed + 0.05)]) for seed in (1, 2)] + [Run("pso", 3, curve=[(1, 0.4)])]
    tpe, pso = compared(runs)
    assert (tpe["pairs"], tpe["mean"]) == (2, pytest.approx(0.05))
    assert tpe["low"] == pytest.approx(0.05)
    assert (pso["pairs"], pso["mean"], pso["low"]) == (1, pytest.approx(0.1), None)


def test_the_interval_is_student_s() -> None:
    import numpy as np

    low, high = interval(np.array([0.0, 1.0, 2.0]))
    # The 97.5 % point of Student's t with 2 degrees of freedom is 4.3027; the standard error is 1 / sqrt(3).
    assert low == pytest.approx(1 - 4.30265 / 3**0.5, abs=1e-4)
    assert high == pytest.approx(1 + 4.30265 / 3**0.5, abs=1e-4)


def test_regret_is_the_mean_gap_to_the_best_and_unknown_until_every_run_has_a_whole_trial() -> None:
    rows = [
        {"strategy": "tpe", "curve": [[1.0, 0.2], [3.0, 0.4]]},
        {"strategy": "tpe", "curve": [[2.0, 0.3]]},
    ]
    lines = regrets(rows, 0.5, 4).splitlines()
    assert lines[0].split() == ["regret", "after", "1", "2", "3", "4"]
    assert lines[2].split() == ["tpe", "-", "0.2500", "0.1500", "0.1500"]


def test_an_earlier_search_over_a_like_table_is_worth_what_it_found(stored: Path, tmp_path: Path) -> None:
    words = ("--table", stored, "--source", stored, "--trials", 6, "--seeds", 2, "--json", tmp_path / "out.json")
    result = called("warm-start", *words, benchmark=search_worth)
    first = {(row["strategy"], row["seed"]): row["curve"][0][1] for row in result["rows"]}
    assert len(first) == 8
    for seed in (1, 2):
        # The space is smaller than the earlier search had trials, so that the first trial is the best there is.
        assert first["earlier", seed] == first["both", seed] == result["best_known"]
    gains = {(pair["trials"], pair["arm"], pair["minus"]): pair["mean"] for pair in result["compared"]}
    assert gains[5, "earlier", "nothing"] >= gains[6, "earlier", "nothing"] >= 0


def test_a_search_without_inheritance_gets_the_epochs_of_the_one_with_it(tmp_path: Path) -> None:
    pairs = [(user, item) for user in range(30) for item in range(user % 2, 30, 2) if (user * item) % 3]
    (tmp_path / "log.csv").write_text("user,item\n" + "\n".join(f"u{user},i{item}" for user, item in pairs))
    (tmp_path / "params.yaml").write_text(
        "run: {threads: 1, device: cpu}\nsearch: {preset: gnn, max_epochs: 2, evaluate_every: 1, finalists: 1, "
        "batch_size: 256, space: {operators: [lightgcn], layers: [1, 2], dimension: [4, 8], loss: [bpr]}}\n"
    )
    words = ("--data", tmp_path / "log.csv", "--params", tmp_path / "params.yaml", "--json", tmp_path / "out.json")
    result = called("inherit", *words, "--seeds", 1, "--epochs", 5, benchmark=search_worth)
    on, off = result["rows"]
    assert (on["strategy"], off["strategy"]) == ("on", "off")
    assert on["epochs"] <= off["epochs"] <= on["epochs"] + 1
    assert on["trials"] * 2 == on["epochs"] - 2
    assert 0 < on["best_valid"] <= 1
    assert result["against_off"][0]["mean"] == pytest.approx(on["best_valid"] - off["best_valid"])


def test_a_replay_without_tables_is_refused() -> None:
    with pytest.raises(UserError, match="give --table FILE and --source FILE"):
        called("warm-start", benchmark=search_worth)
