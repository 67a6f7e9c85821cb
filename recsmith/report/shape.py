"""From the rows of the line's CSV files to what the report shows."""

from __future__ import annotations

import re

from recsmith.report.inputs import Row

ALL = "all users"


def trials(rows: list[dict[str, str]], metric: str) -> list[Row]:
    """Search trials in their order (baselines, numbered 0, left out) with the best so far."""
    shaped: list[Row] = []
    best: float | None = max(
        (value for row in rows if row["number"] == "0" and (value := _number(row[metric]))), default=None
    )
    for row in rows:
        if row["number"] == "0":
            continue
        value = _number(row[metric]) if row["status"] == "done" else None
        final = None if row.get("users") else value
        best = final if best is None else best if final is None else max(best, final)
        shaped.append(
            {
                "trial": int(row["number"]),
                "family": row["family"],
                "label": row["description"],
                "status": row["status"],
                "value": value,
                "best": best,
                "error": row.get("error") or None,
            }
        )
    return shaped


def pareto(rows: list[dict[str, str]], metric: str, p99_ms: dict[str, float]) -> list[Row]:
    """Recipes with their bytes, their cost and the metric on valid; ``p99_ms`` was measured, by recipe."""
    return [
        {
            "recipe": row["recipe"],
            "export": row["trial"] == "0",
            "bytes": int(row["bytes"]),
            "ratio": float(row["ratio"]),
            "retained": float(row["retained"]),
            "value": float(row[metric]),
            "low": float(row["low"]),
            "high": float(row["high"]),
            "cost": int(row["cost"]),
            "p99_ms": p99_ms.get(row["recipe"]),
            "front": row["pareto"] == "1",
            "chosen": row["chosen"] == "1",
        }
        for row in rows
    ]


def losses(choice: Row) -> list[Row]:
    """What the chosen recipe loses on valid against the fp32 export: all users, then each slice of activity.

    ``slice``, ``users``, ``before``, ``after``, ``lost`` (a share; None where there was nothing to lose).
    """
    found = choice.get("slices") or {}
    if not found.get("chosen"):
        return []
    users, metric = found["users"], choice["metric"]
    whole = (ALL, sum(users.values()), choice["export"][metric], choice["metrics"][metric])
    least_active_first = sorted(found["chosen"].items(), key=lambda part: int(re.split("[-+]", part[0])[0]))
    parts = ((name, users[name], found["export"][name], after) for name, after in least_active_first)
    return [
        {
            "slice": name,
            "users": count,
            "before": before,
            "after": after,
            "lost": 1 - after / before if before else None,
        }
        for name, count, before, after in (whole, *parts)
    ]


def training(rows: list[dict[str, str]], metric: str) -> list[Row]:
    """Epochs of the candidate and of the final model."""
    return [
        {
            "run": row.get("run") or row.get("model") or "training",
            "epoch": int(row["epoch"]),
            "loss": _number(row.get("loss")),
            metric: _number(row.get(metric)),
        }
        for row in rows
    ]


def _number(text: str | None) -> float | None:
    return float(text) if text else None
