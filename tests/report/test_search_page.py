"""The page of the search opens offline, says what the files say, and holds for every winner."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vl_convert
from test_page import Loads

from recsmith.model.architecture import Architecture, architecture
from recsmith.model.record import Record
from recsmith.report.search import regret
from recsmith.report.search.diagram import parts
from recsmith.report.search.page import charts, drawn, search_page, strategies_page
from recsmith.report.search.parallel import axes
from recsmith.report.search.read import read_search
from recsmith.search.choose import Candidate, trials_csv
from recsmith.search.importance import importance

METRIC = "ndcg@20"
RIDGE = {"family": "filter", "kind": "ridge", "l2": 200.0}
LOW_PASS = {"family": "filter", "kind": "low_pass", "rank": 64}
MIXTURE = {"family": "filter", "kind": "mixture", "parts": [RIDGE, LOW_PASS], "weights": [1.0, 0.3]}
CELL = {"family": "gnn", "operators": ["gat", "sage", "gcn"], "inputs": [[0], [0, 1], [1, 2]], "combination": "mean"}
BLEND = {"family": "blend", "parts": [CELL, RIDGE], "weights": [1.0, 0.5], "epochs": [4, 0]}
WINNERS = {
    "a chain": {"family": "gnn", "operators": ["lightgcn", "lightgcn"]},
    "a cell": CELL,
    "matrix factorisation": {"family": "gnn", "operators": []},
    "polynomial": {"family": "filter", "kind": "polynomial", "recency": 0.5},
    "neighbours": {"family": "filter", "kind": "neighbours"},
    "a mixture": MIXTURE,
    "a blend": BLEND,
}


PARETO = "number,name,metric,bytes,cost,on_front\n1,trial,0.17,1000,50,1\n2,trial,0.14,2000,90,0\n"
LUCK = {"valid": 0.2, "optimism": 0.004, "candidates": 13, "winner_first": 0.41}
STRATEGIES = [
    {"strategy": "random", "seed": 1, "trials_done": 4, "curve": [[1, 0.1], [3, 0.2]]},
    {"strategy": "random", "seed": 2, "trials_done": 4, "curve": [[2, 0.4]]},
    {"strategy": "tpe", "seed": 1, "trials_done": 0, "curve": []},
]


def candidates(trials: int) -> list[Architecture]:
    """Networks and filters in turn; the third fails."""
    generator = np.random.default_rng(2)
    found: list[dict[str, Any]] = []
    for number in range(trials):
        if number % 2:
            found.append({"family": "gnn", "operators": ["lightgcn"] * int(generator.integers(1, 4))})
            found[-1] |= {"learning_rate": float(generator.choice([0.001, 0.01]))}
        else:
            found.append({**RIDGE, "l2": float(generator.choice([50.0, 200.0, 800.0]))})
    return [architecture(value) for value in found]


def record(number: int, candidate: Architecture) -> Record:
    kept = {"name": "trial", "source": "search", "key": f"key{number}", "architecture": candidate}
    if number == 3:
        return Record(**kept, status="failed", error="Traceback\nValueError: </script><b>it went wrong")
    return Record(**kept, metrics={METRIC: round(0.1 + 0.01 * ((7 * number) % 11), 4)}, epochs=number % 2)


@pytest.fixture
def line(tmp_path: Path) -> Path:
    return searched(tmp_path, 14)


def searched(folder: Path, trials: int, winner: dict[str, Any] = RIDGE) -> Path:
    """The files of a search as the stages write them."""
    rows = [Candidate(number, record(number, one)) for number, one in enumerate(candidates(trials), 1)]
    best = {"architecture": winner, "source": "search", "valid": {METRIC: 0.2}, "record": {"key": "key8"}}
    scores = "node,kind,operator,delta\n2,module,sage,0.2\n0->1,connection,,-0.1\n"
    files = {
        "ingest/source.json": json.dumps({"name": "demo"}),
        "search/best.json": json.dumps(best),
        "search/trials.csv": trials_csv(rows, METRIC),
        "search/node_scores.csv": scores if winner is CELL else scores.splitlines()[0],
        "search/pareto.csv": PARETO,
        "search/trust.json": json.dumps({"choice": LUCK if trials > 2 else None}),
        "search/timing.json": json.dumps({"trials": {str(number): 2.0 for number in range(1, trials + 1)}}),
        "baseline/records.json": json.dumps([{"name": "ease", "chosen": True, "metrics": {METRIC: 0.17}}]),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("winner", WINNERS)
def test_the_page_is_made_and_loads_nothing_whatever_won(tmp_path: Path, winner: str) -> None:
    text, loads = search_page(read_search(searched(tmp_path, 14, WINNERS[winner]), METRIC, "tpe")), Loads()
    loads.feed(text)
    assert loads.found == ["a report.html"]
    assert "default-src 'none'" in text
    visible = re.sub(r"(?s)<(script|style).*?</\1>", "", text)
    assert not re.search(r"\b(None|nan|Undefined)\b", visible)
    assert "EASE, reaches 0.1700" in visible
    assert "about 0.0040 is the luck of picking the best of 13" in visible
    assert "ValueError: &lt;/script&gt;&lt;b&gt;it went wrong" in visible


@pytest.mark.parametrize("trials", [1, 2, 12])
def test_few_trials_are_a_page_too_that_says_what_is_missing(tmp_path: Path, trials: int) -> None:
    text = search_page(read_search(searched(tmp_path, trials), METRIC, "tpe"))
    assert ("below 10 nothing is said" in text) == (trials < 11)


def test_every_chart_is_a_valid_specification(tmp_path: Path) -> None:
    search = read_search(searched(tmp_path, 14, CELL), METRIC, "tpe")
    found = charts(search, {"l2": 0.7, "layers": 0.3})
    assert set(found) == {"trial", "epochs", "seconds", "importance", "gnn", "filter", "front", "nodes"}
    for spec in found.values():
        assert vl_convert.vegalite_to_vega({**spec, "width": 400})["marks"]


def test_the_curve_is_what_the_trial_table_gives(line: Path) -> None:
    rows = list(csv.DictReader((line / "search/trials.csv").open()))
    best, wanted = 0.0, []
    for row in rows:
        best = max(best, float(row[METRIC] or 0))
        wanted.append(best)
    search = read_search(line, METRIC, "tpe")
    drawn_best = [point["best"] for point in regret.curve(search.trials, "trial")]
    assert drawn_best == wanted
    assert [point["spent"] for point in regret.curve(search.trials, "seconds")] == [2.0 * n for n in range(1, 15)]


def test_a_part_of_the_budget_is_nobodys_best(line: Path) -> None:
    table = line / "search/trials.csv"
    rows = list(csv.DictReader(table.open()))
    rows[-1] |= {"fidelity": "0.1", METRIC: "0.9"}
    with table.open("w") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    search = read_search(line, METRIC, "tpe")
    assert regret.curve(search.trials, "trial")[-1]["best"] < 0.9
    assert len(search.comparable) == 12


def test_knobs_are_those_that_a_candidate_reads(line: Path) -> None:
    search = read_search(line, METRIC, "tpe")
    ridge, network = search.trials[0].knobs, search.trials[1].knobs
    assert ridge.keys() == {"family", "kind", "recency", "l2"}
    assert {"operators", "layers", "learning_rate", "target_exponent"} <= network.keys()
    assert not {"heads", "temperature", "contrast_weight", "activation", "warmup"} & network.keys()


def test_the_page_shares_out_importance_as_the_search_does(line: Path) -> None:
    search = read_search(line, METRIC, "tpe")
    rows = search.comparable
    assert search.importance() == importance([row.knobs for row in rows], [row.value or 0 for row in rows])


def test_axes_are_the_most_important_knobs_and_their_values_in_order(line: Path) -> None:
    trials = [trial for trial in read_search(line, METRIC, "tpe").comparable if trial.family == "filter"]
    assert axes(trials, {}) == {"l2": [50, 200, 800]}


def test_names_of_near_baselines_stand_apart_in_their_order() -> None:
    assert regret.apart([0.30, 0.10, 0.31], 0.05) == pytest.approx([0.30, 0.10, 0.35])


def test_the_curve_of_a_strategy_is_the_mean_of_its_seeds_once_all_have_a_trial() -> None:
    found = regret.means(STRATEGIES, 4)
    points = [(row["group"], row["spent"], row["mean"], row["low"], row["high"]) for row in found]
    assert [point[:2] for point in points] == [("random", 2), ("random", 3), ("random", 4)]
    values = [value for point in points for value in point[2:]]
    assert values == pytest.approx([0.25, 0.1, 0.4, 0.3, 0.2, 0.4, 0.3, 0.2, 0.4])


def test_the_page_of_strategies_loads_nothing_and_names_what_failed() -> None:
    rows = [{**row, "best_valid": 0.2, "seconds": 1.0, "error": None} for row in STRATEGIES]
    rows[2] |= {"best_valid": None, "error": "it cannot take the space"}
    result = {"data": "demo", "replayed": True, "trials": 4, "seeds": 2, "best_known": 0.4, "rows": rows}
    text, loads = strategies_page(result, METRIC), Loads()
    loads.feed(text)
    assert loads.found == []
    assert "it cannot take the space" in text


def test_a_cell_is_drawn_with_every_connection() -> None:
    (part,) = parts(architecture(CELL))
    assert set(part.arrows) == {(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), *((node, 4) for node in range(4)), (4, 5)}
    assert drawn(CELL).count('class="arrow"') == len(part.arrows) + 1


def test_parts_of_a_blend_stand_with_their_weights() -> None:
    text = drawn(BLEND)
    assert "× 1<" in text
    assert "× 0.5<" in text
    assert [part.boxes[-1].lines[0] for part in parts(architecture(BLEND))] == ["dot product", "ridge (EASE)"]
