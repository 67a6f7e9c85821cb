"""The tables of the page: a head and rows of text, ready to be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from recsmith.report import labels
from recsmith.report import numbers as n
from recsmith.report.inputs import Inputs
from recsmith.report.shape import losses
from recsmith.tables.columns import SPLITS


@dataclass(frozen=True)
class Table:
    """``strong`` are the numbers of the rows that stand out."""

    head: list[str]
    rows: list[list[str]]
    strong: tuple[int, ...] = ()


def scores(inputs: Inputs) -> Table:
    """Every model, every metric at the headline's cut-off, best by NDCG first."""
    k = inputs.cutoff
    names = [f"{name}@{k}" for name in labels.METRICS]
    order = sorted(inputs.models, key=lambda name: -inputs.models[name]["test"][f"ndcg@{k}"])
    rows = [[labels.model(name), *(n.score(inputs.models[name]["test"][metric]) for metric in names)] for name in order]
    strong = tuple(place for place, name in enumerate(order) if name in ("full", "bundle"))
    return Table(["model", *(labels.metric(name) for name in names)], rows, strong)


def every_score(inputs: Inputs) -> Table:
    """Every metric at every cut-off, of all users and of those with a history."""
    metrics = list(inputs.models["full"]["test"])
    models = inputs.models
    rows = [
        [labels.metric(metric), *(n.score(model["test"][metric]) for model in models.values())] for metric in metrics
    ]
    rows += [
        [
            f"{labels.metric(metric)}, users with a history",
            *(n.score(m["warm"]["test"].get(metric)) for m in models.values()),
        ]
        for metric in metrics
        if metric.endswith(f"@{inputs.cutoff}")
    ]
    return Table(["metric", *map(labels.model, models)], rows)


def beyond(inputs: Inputs) -> Table:
    """What accuracy does not say."""
    k = inputs.cutoff
    head = ["model", f"coverage@{k}", f"novelty@{k} (bits)", f"diversity@{k}", f"Gini@{k}"]
    rows = [
        [
            labels.model(name),
            n.percent(model["beyond"][f"coverage@{k}"]),
            n.score(model["beyond"][f"novelty@{k}"], 2),
            n.score(model["beyond"][f"diversity@{k}"], 3),
            n.score(model["beyond"][f"gini@{k}"], 3),
        ]
        for name, model in inputs.models.items()
    ]
    return Table(head, rows)


def paired(inputs: Inputs) -> Table:
    """Differences to each baseline, of the exact winner and of the bundle."""
    found = inputs.metrics["paired"]
    rows = [
        [
            f"{labels.model(winner)} − {labels.model(other)}",
            labels.metric(metric),
            n.signed(value["difference"]),
            f"{n.signed(value['interval'][0])} to {n.signed(value['interval'][1])}",
            n.p_value(value["p"]),
        ]
        for winner, others in found.items()
        for other, metrics in others.items()
        for metric, value in metrics.items()
    ]
    return Table(["difference", "metric", "mean", "interval", "p"], rows)


def contest(inputs: Inputs) -> Table:
    """The bundle against the champion's, on the pairs that neither had learnt; no rows where there is no champion."""
    found = inputs.metrics.get("contest") or {}
    rows = [
        [
            labels.metric(metric),
            *(n.score(found["metrics"][name][metric]) for name in ("challenger", "champion")),
            n.signed(value["difference"], 5),
            f"{n.signed(value['interval'][0], 5)} to {n.signed(value['interval'][1], 5)}",
        ]
        for metric, value in found.get("paired", {}).items()
    ]
    decides = tuple(place for place, metric in enumerate(found.get("paired", {})) if metric == found["metric"])
    return Table(["metric", "this bundle", "champion", "difference", "interval"], rows, decides)


def trials(inputs: Inputs, most: int = 8) -> Table:
    """The best trials of the search, best first."""
    done = sorted((row for row in inputs.trials if row["value"] is not None), key=lambda row: -row["value"])[:most]
    rows = [
        [str(row["trial"]), labels.family(str(row["family"])), str(row["label"]), n.score(row["value"])] for row in done
    ]
    return Table(
        ["trial", "family", "architecture", f"{labels.metric(inputs.metric)} on validation"],
        rows,
        (0,) if rows and not inputs.twin else (),
    )


def failures(inputs: Inputs) -> Table:
    """Trials that failed, each with the last line of its error."""
    failed = [row for row in inputs.trials if row["value"] is None]
    rows = [[str(row["trial"]), str(row["label"]), _last_line(row.get("error"))] for row in failed]
    return Table(["trial", "architecture", "why"], rows)


def baselines(inputs: Inputs) -> Table:
    """Each baseline as chosen on valid."""
    rows = [
        [
            labels.model(name),
            model["architecture"],
            n.score(model["valid"].get(inputs.metric)),
            n.score(model["test"].get(inputs.headline)) if model.get("test") else str(model.get("note") or "no result"),
        ]
        for name, model in inputs.entered.items()
        if name not in ("full", "bundle")
    ]
    metric = labels.metric(inputs.metric)
    return Table(
        ["baseline", "as tuned", f"{metric} on validation", f"{labels.metric(inputs.headline)} on the test"], rows
    )


def checks(inputs: Inputs) -> Table:
    """What the data checks found, failures first."""
    found = sorted(inputs.checks.get("checks", []), key=lambda check: bool(check.get("success")))
    rows = [[_mark(check), check["name"].replace("_", " "), _finding(check["name"], check)] for check in found]
    return Table(["", "check", "found"], rows)


def _mark(check: dict[str, Any]) -> str:
    return "passed" if check.get("success") else str(check.get("severity", "failed"))


def _finding(name: str, check: dict[str, Any]) -> str:
    if name == "timestamp_range" and check.get("success"):
        return re.sub(r"\d{5,}", lambda found: n.day(int(found.group())), str(check.get("observed") or ""))
    if check.get("error"):
        return str(check["error"])
    observed = n.plain(check.get("observed"))
    counted = f"{n.count(check.get('unexpected'))} of {n.count(check.get('total'))}"
    return observed if check.get("success") else f"{counted} {observed}".strip()


def proofs(inputs: Inputs) -> Table:
    """What the audit counted; each must be 0."""
    rows = [[name.replace("_", " "), n.count(value)] for name, value in inputs.audit.get("proofs", {}).items()]
    return Table(["must be 0", "counted"], rows)


def splits(inputs: Inputs) -> Table:
    """Sizes of the splits, and what in them was never seen before."""
    cold = inputs.audit.get("cold", {})
    rows = [
        [name, *(n.count(size.get(key)) for key in ("rows", "users", "items")), *_cold(cold.get(name))]
        for name, size in sorted(inputs.audit.get("splits", {}).items(), key=lambda item: SPLITS.index(item[0]))
    ]
    return Table(["split", "interactions", "users", "items", "new users", "new items"], rows)


def _cold(value: dict[str, Any] | None) -> list[str]:
    return [n.count(value.get(key)) if value else n.NONE for key in ("users", "items")]


def recipes(inputs: Inputs) -> Table:
    """Every way of compressing that was tried, smallest first."""
    rows = sorted(inputs.pareto, key=lambda row: row["bytes"])
    shown = [
        [
            row["recipe"],
            n.size(row["bytes"]),
            f"{row['ratio']:.2f}×",
            n.score(row["value"]),
            f"{n.score(row['low'])} to {n.score(row['high'])}",
            n.percent(row["retained"]),
            n.count(row["cost"]),
            n.milliseconds(row["p99_ms"]),
        ]
        for row in rows
    ]
    strong = tuple(place for place, row in enumerate(rows) if row["chosen"])
    metric = f"{labels.metric(inputs.metric)} on validation"
    head = ["recipe", "model", "smaller", metric, "95 % interval", "kept", "multiply-adds", "p99, measured"]
    return Table(head, shown, strong)


def recipe_losses(inputs: Inputs) -> Table:
    """What users of each activity lose by the chosen recipe."""
    rows = [
        [row["slice"], n.count(row["users"]), n.score(row["before"]), n.score(row["after"]), n.percent(row["lost"])]
        for row in losses(inputs.choice)
    ]
    return Table(["interactions before", "users", "fp32 export", "chosen recipe", "lost"], rows, (0,) if rows else ())


def environment(inputs: Inputs) -> Table:
    """What it ran on."""
    found = inputs.lineage.get("environment", {})
    rows = [[name.replace("_", " "), str(value)] for name, value in found.items() if name != "packages"]
    rows += [[name, version] for name, version in found.get("packages", {}).items()]
    return Table(["environment", ""], rows)


def knobs(inputs: Inputs) -> Table:
    """The winner's architecture, knob by knob."""
    found = labels.knobs(inputs.best.get("architecture", {}))
    rows = [[name.replace("_", " "), _plain(value)] for name, value in found.items()]
    return Table(["knob", "value"], rows)


def cost(inputs: Inputs) -> Table:
    """What ranking for every user of the test took, by model."""
    measured = inputs.timing.get("evaluate", {}).get("ranking_ms", {})
    taken = {name: measured[name] for name in inputs.models if name in measured}
    users = inputs.metrics["users"]
    rows = [[labels.model(name), n.milliseconds(ms), n.milliseconds(ms / users)] for name, ms in taken.items()]
    return Table(["model", f"all {n.count(users)} users", "a user"], rows)


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return n.plain(value)


def _last_line(error: object) -> str:
    lines = str(error or "no reason was recorded").strip().splitlines()
    return lines[-1][:300]
