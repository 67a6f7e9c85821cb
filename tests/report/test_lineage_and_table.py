"""Where results came from, and the table at the end of a run."""

from __future__ import annotations

import subprocess
from pathlib import Path
from textwrap import wrap

import pytest
from conftest import make_inputs

from recsmith.__main__ import main
from recsmith.files import write_text
from recsmith.report import shape
from recsmith.report.charts.audience import curve, shares
from recsmith.report.lineage import lineage, stage_hashes
from recsmith.report.table import WIDEST, result_markdown, result_rows, result_table
from stages.report import _git

LOCK = {
    "stages": {
        name: {
            "deps": [{"path": f"stages/{name}.py", "md5": name * 2}],
            "outs": [{"path": f"{name}/x", "md5": name}, {"path": f"{name}/run.json", "md5": "no"}],
        }
        for name in ("search", "evaluate", "report")
    }
}


def test_hashes_are_of_the_stages_asked_for_and_leave_side_files_out() -> None:
    found = stage_hashes(LOCK, ("search", "evaluate"))
    assert list(found) == ["search", "evaluate"]
    assert found["search"] == {"deps": {"stages/search.py": "searchsearch"}, "outs": {"search/x": "search"}}


def test_a_clone_without_git_and_lock_has_a_lineage() -> None:
    found = lineage(git=None, lock=None, stages=(), params={}, requirements=None, runs={}, bundle=None, threads=1)
    assert (found["git"], found["stages"]) == (None, {})
    assert found["environment"]["threads"] == 1


def test_parameters_are_named_by_their_digest() -> None:
    def of(seed: int) -> str:
        given = {"run": {"seed": seed}}
        found = lineage(
            git=None, lock=None, stages=(), params=given, requirements=None, runs={}, bundle=None, threads=1
        )
        return found["params"]["digest"]

    assert of(1) == of(1) != of(2)


def test_the_table_holds_winner_baselines_and_compressed_winner() -> None:
    inputs = make_inputs()
    head, rows = result_rows(inputs.metrics, inputs.choice, inputs.timing["evaluate"])
    assert head == ["model", "what", "NDCG@20", "Recall@20", "bytes", "ms a user"]
    assert [row[0] for row in rows][:2] == ["Winner, exact", "Popularity"]
    assert rows[0][-2:] == ["12,400,000", "1.50"]
    assert rows[-1] == ["Winner, bundle", "bundle with knobs", "0.1302", "0.1432", "2,480,000", "0.43"]


def test_a_night_that_renews_its_records_leaves_the_commit_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dvc.lock", "data/events.dvc", "params.yaml"):
        write_text(tmp_path / name, "then")
    for words in ("init -q", "add -f .", "-c user.name=t -c user.email=t@example.org commit -qm then"):
        subprocess.run(["git", *words.split()], check=True)
    for name in ("dvc.lock", "data/events.dvc"):
        write_text(tmp_path / name, "now")
    found = _git()
    assert found is not None
    assert not found["dirty"]
    write_text(tmp_path / "params.yaml", "now")
    assert _git() == found | {"dirty": True}


def test_what_was_searched_for_stands_in_the_table() -> None:
    inputs = make_inputs()
    head, rows = result_rows(inputs.metrics, {**inputs.choice, "metric": "recall@10"}, {})
    assert head[2:5] == ["NDCG@20", "Recall@20", "Recall@10"]
    assert {len(row) for row in rows} == {len(head)}
    assert len(result_rows(inputs.metrics, {**inputs.choice, "metric": "ndcg@20"}, {})[0]) == len(head) - 1


def test_the_table_stands_without_times() -> None:
    inputs = make_inputs()
    assert "–" in result_table(inputs.metrics, inputs.choice, {})
    assert result_markdown(inputs.metrics, inputs.choice, {}).startswith("| model | what | NDCG@20 |")


def test_a_long_word_on_what_a_model_is_goes_on_below_itself() -> None:
    inputs = make_inputs()
    inputs.metrics["models"]["full"]["architecture"] = what = "blend of " + " + ".join(["1 * (gnn lightgcn)"] * 20)
    table = result_table(inputs.metrics, inputs.choice, {}).splitlines()
    assert max(map(len, table)) < 140
    start = next(place for place, line in enumerate(table) if line.startswith("Winner, exact"))
    parts = wrap(what, WIDEST)
    assert len(parts) > 1
    assert all(part in line for part, line in zip(parts, table[start:], strict=False))


def test_a_sized_out_baseline_stands_in_the_table_with_its_reason() -> None:
    inputs = make_inputs()
    inputs.metrics["models"]["als"] = {"family": "als", "architecture": "als", "test": {}, "note": "too large"}
    assert "left out: too large" in result_table(inputs.metrics, inputs.choice, {})


def row(number: str, status: str, value: str) -> dict[str, str]:
    return {"number": number, "status": status, "ndcg@20": value, "family": "gnn", "description": "d", "error": ""}


def test_the_best_so_far_starts_at_the_baselines_and_passes_over_failures() -> None:
    rows = [row("0", "done", "0.2"), row("1", "done", "0.1"), row("2", "failed", ""), row("3", "done", "0.3")]
    assert [(trial["trial"], trial["best"]) for trial in shape.trials(rows, "ndcg@20")] == [
        (1, 0.2),
        (2, 0.2),
        (3, 0.3),
    ]


def test_a_search_without_baselines_starts_with_nothing() -> None:
    rows = [row("1", "failed", ""), row("2", "done", "0.1")]
    assert [trial["best"] for trial in shape.trials(rows, "ndcg@20")] == [None, 0.1]


def test_the_lorenz_curve_of_equal_counts_is_the_diagonal() -> None:
    assert curve([2, 2, 2, 2], 3) == [(0, 0), (0.5, 0.5), (1, 1)]
    assert curve([0, 0, 0, 4], 3) == [(0, 0), (0.5, 0), (1, 1)]


def test_shares_of_the_bands_add_up_even_for_a_few_items() -> None:
    for n in (1, 3, 1000):
        assert sum(shares(list(range(n, 0, -1)), [1] * n)) == 1


def test_the_most_watched_items_come_first_whatever_their_order() -> None:
    watched = [0] * 99 + [50]
    assert shares(watched, watched)[0] == 1


def test_where_nothing_was_made_yet_lineage_says_what_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["lineage"]) == 1
    assert "data/compress/bundle is not there: `make run` makes it." in capsys.readouterr().err
