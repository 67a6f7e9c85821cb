"""The page opens offline, holds for every winner and data set, and says what the files say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
import vl_convert
from conftest import BASES, FILTER, GNN, make_inputs

from recsmith.report import numbers
from recsmith.report.charts.page import charts
from recsmith.report.inputs import Inputs, Person
from recsmith.report.page import card, page


def with_models(names: tuple[str, ...], **changes: Any) -> Inputs:
    return make_inputs(bases={name: BASES[name] for name in names}, **changes)


def sized_out() -> Inputs:
    inputs = with_models(("full", "bundle", "popularity"))
    out = {"family": "filter", "architecture": "ease", "valid": {}, "test": {}, "note": "needs 80 GB of memory"}
    inputs.metrics["models"]["ease"] = out
    return inputs


def cold_only() -> Inputs:
    inputs = with_models(("full", "bundle", "popularity"), slices=[], people=[Person("new", 0, [], ["x"], [False])])
    for model in inputs.metrics["models"].values():
        model["warm"] = {"users": 0, "test": {}}
        model["link"] = {**dict.fromkeys(model["link"]), "pairs": 0, "non_pairs": 0, "left_out": 40}
    inputs.metrics["split"] |= {"test_users_without_history": 600, "test_pairs_with_unknown_item": 1}
    return inputs


def hopeless() -> Inputs:
    """Nobody finds anything."""
    inputs = make_inputs(bases=dict.fromkeys(BASES, 0.0))
    for model in inputs.metrics["models"].values():
        model["beyond"] = {name: None if "coverage" not in name else 0.0 for name in model["beyond"]}
    return replace(inputs, watched=[0, 0], recommended=[0, 0])


def met_a_champion() -> Inputs:
    inputs = make_inputs()
    paired = {"ndcg@20": {"difference": 0.004, "interval": [0.001, 0.007], "p": 0.01}}
    metrics = {"challenger": {"ndcg@20": 0.11}, "champion": {"ndcg@20": 0.106}}
    contest = {"metric": "ndcg@20", "version": 3, "users": 512, "metrics": metrics, "paired": paired}
    inputs.metrics["contest"] = contest
    return inputs


FILTER_WON = {"architecture": FILTER, "record": {"name": "ease"}}
CASES = {
    "a filter wins": lambda: make_inputs("filter"),
    "a network wins": lambda: make_inputs("gnn"),
    "a baseline is sized out": sized_out,
    "no baseline is left": lambda: with_models(("full", "bundle")),
    "only new users are tested": cold_only,
    "nobody finds anything": hopeless,
    "a baseline wins the search": lambda: make_inputs(best={**FILTER_WON, "source": "baseline"}),
    "a champion is met": met_a_champion,
    "one trial": lambda: make_inputs(trials=make_inputs().trials[:1]),
    "nobody is shown": lambda: make_inputs(people=[]),
    "matrix factorisation wins": lambda: make_inputs(best={"architecture": {**GNN, "operators": ["none"]}}),
    "another metric was searched for": lambda: make_inputs(metric="recall@20", gate=0.1),
    "another cut-off was searched for": lambda: make_inputs(metric="ndcg@10", gate=0.1),
    "little was recorded": lambda: make_inputs(timing={}, audit={}, checks={}, pareto=[], training=[], records=[]),
    "outside git": lambda: make_inputs(lineage={**make_inputs().lineage, "git": None, "bundle": None}),
    "the demo stands in": lambda: make_inputs(source={"name": "demo", "stand_in": True, "reason": "no network"}),
    "own files": lambda: make_inputs(source={"name": "shop.csv", "stand_in": False, "counts": {"users": 1}}),
}


class Loads(HTMLParser):
    """Collects everything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("src", "srcset", "data", "poster", "background", "action")
        self.found += [f"{tag} {name}={value}" for name, value in attrs if name in names]
        self.found += [
            f"{tag} {value}" for name, value in attrs if name == "href" and not (value or "").startswith("#")
        ]
        self.found += [tag] if tag in ("link", "iframe", "object", "embed", "base") else []


@pytest.mark.parametrize("case", CASES)
def test_the_page_and_the_card_are_made_and_load_nothing(case: str) -> None:
    inputs = CASES[case]()
    text, loads = page(inputs), Loads()
    loads.feed(text)
    assert loads.found == ["a search.html"]
    assert "@import" not in text.split("<script", 1)[0]
    assert "url(" not in text.split("<script", 1)[0]
    assert "default-src 'none'" in text
    assert not re.search(r"\b(None|nan|Undefined)\b", _visible(text) + card(inputs))


def _visible(text: str) -> str:
    """The page without its scripts and its lineage."""
    return re.sub(r"(?s)<(script|style|pre).*?</\1>", "", text)


def test_every_chart_is_a_valid_specification() -> None:
    found = charts(make_inputs("gnn", metric="recall@20", training=[{"run": "candidate", "epoch": 1, "loss": 0.5}]))
    found |= charts(make_inputs("gnn"))
    assert set(found) >= {"models_first", "differences", "activity", "links", "search", "loss", "learning", "pareto"}
    for spec in found.values():
        assert vl_convert.vegalite_to_vega({**spec, "width": 400})["marks"]


def test_the_numbers_of_the_page_are_those_of_the_metrics() -> None:
    inputs = make_inputs()
    text = page(inputs)
    for model in inputs.models.values():
        for metric, value in model["test"].items():
            assert numbers.score(value) in text, metric
    specs = json.loads(text.split('id="specs">')[1].split("</script>")[0])
    (rows,) = specs["models_first"]["datasets"].values()
    shown = {row["model"]: row["value"] for row in rows}
    assert shown["EASE"] == inputs.models["ease"]["test"]["ndcg@20"]
    assert shown["Winner, bundle"] == inputs.models["bundle"]["test"]["ndcg@20"]


def test_the_metric_that_was_searched_for_stands_beside_ndcg_under_its_name() -> None:
    inputs = make_inputs(metric="ndcg@10")
    figure = page(inputs).split('data-chart="models_second"')[0].rsplit("<figcaption>", 1)[1]
    assert figure.startswith("NDCG@10<small>The metric that the search maximised.")


def test_the_same_inputs_give_the_same_page() -> None:
    assert page(make_inputs("gnn")) == page(make_inputs("gnn"))


def test_titles_cannot_break_the_page() -> None:
    trap = Person("</script><script>alert(1)</script>", 3, ["<img src=x onerror=alert(1)>"], ["</pre>"], [True])
    text, loads = page(make_inputs(people=[trap])), Loads()
    loads.feed(text)
    assert loads.found == ["a search.html"]
    assert "<script>alert" not in text


def test_a_trial_label_cannot_end_the_script_that_holds_it() -> None:
    trials = [{**make_inputs().trials[0], "label": "</script><script>alert(1)"}]
    assert "<script>alert" not in page(make_inputs(trials=trials))


def test_the_stand_in_is_said_first_of_all() -> None:
    body = _visible(page(CASES["the demo stands in"]())).split("<body>")[1].lstrip()
    assert body.startswith('<div class="banner loud"')
    assert "no network" in body.split("</div>")[0]


def test_movielens_is_said_to_be_for_trying() -> None:
    for text in (page(make_inputs()), card(make_inputs())):
        assert "for trying" in text


def test_own_data_has_no_banner() -> None:
    assert 'class="banner' not in page(CASES["own files"]())


def test_a_sized_out_baseline_is_named_with_its_reason() -> None:
    for text in (page(sized_out()), card(sized_out())):
        assert "EASE is missing: needs 80 GB of memory" in text


def test_failed_trials_are_shown_with_the_last_line_of_their_error() -> None:
    text = _visible(page(make_inputs()))
    assert "1 of them failed" in text
    assert "ValueError: it went wrong" in text


def test_a_winner_without_epochs_says_so() -> None:
    assert "closed form" in page(make_inputs("filter"))
    assert "closed form" not in page(make_inputs("gnn"))


def test_the_contest_with_the_champion_is_shown_where_there_was_one() -> None:
    inputs = met_a_champion()
    for text in (_visible(page(inputs)), card(inputs)):
        assert "version 3" in text
        assert "+0.00100 to +0.00700" in text
        assert "0.1060" in text
    assert "champion" not in _visible(page(make_inputs()))


def test_recipes_stand_against_bytes_cost_and_measured_latency_with_intervals_and_the_export_apart() -> None:
    found = charts(make_inputs())
    for place, weighed in (("pareto", "bytes"), ("recipe_cost", "cost"), ("recipe_latency", "p99_ms")):
        (rows,) = [rows for rows in found[place]["datasets"].values() if "recipe" in rows[0]]
        assert all(row["low"] < row["value"] < row["high"] and row[weighed] for row in rows)
        assert {row["recipe"]: row["group"] for row in rows}["fp32 export"] == "fp32 export"
        assert [row["group"] for row in rows].count("chosen") == 1
    untimed = make_inputs(pareto=[{**row, "p99_ms": None} for row in make_inputs().pareto])
    assert "recipe_latency" not in charts(untimed)
    assert "Latency of a query" not in page(untimed)
    assert "Measured in the run that made the result" in page(make_inputs())


def test_the_page_says_who_pays_for_compression() -> None:
    inputs = make_inputs()
    text = page(inputs)
    assert "the 120 users with 1-9 interactions lose most: 3.0\u00a0%" in text
    (rows,) = charts(inputs)["recipe_losses"]["datasets"].values()
    assert [(row["slice"], row["group"]) for row in rows] == [
        ("all users", "all users"),
        ("1-9", "loses over twice as much"),
        ("10-49", "by activity"),
    ]
    better = {**inputs.choice, "slices": inputs.choice["slices"] | {"chosen": {"1-9": 0.11, "10-49": 0.1491}}}
    better["metrics"] = {"ndcg@20": 0.1407}
    assert "All users together gain 5.0\u00a0% of" in page(make_inputs(choice=better))
    assert "the 490 users with 10-49 interactions gain least: 5.0\u00a0%" in page(make_inputs(choice=better))
    assert "Who pays for it" not in page(make_inputs(choice={"bytes": None}))
