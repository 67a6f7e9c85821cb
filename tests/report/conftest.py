"""A made-up line for the report: plain values, as the files of the line hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recsmith.report.inputs import Inputs, Person
from recsmith.report.lineage import lineage

METRICS = ("precision", "recall", "f1", "hit_rate", "mrr", "map", "ndcg")
CUTOFFS = (5, 10, 20)
BASES = {
    "full": 0.131,
    "bundle": 0.1302,
    "popularity": 0.071,
    "item_knn": 0.111,
    "ease": 0.1242,
    "als": 0.106,
    "lightgcn": 0.118,
}
FILTER = {"family": "filter", "kind": "linear", "left_exponent": 0.35, "right_exponent": 0.35}
GNN = {"family": "gnn", "operators": ["sage", "sage"], "dimension": 64, "loss": "bpr", "activation": "relu"}
FAMILIES = {"popularity": "popularity", "item_knn": "filter", "ease": "filter", "als": "als", "lightgcn": "gnn"}


def model(name: str, base: float, family: str = "filter") -> dict[str, Any]:
    """One model's part of metrics.json."""
    test = {f"{metric}@{k}": base * (1 + 0.1 * n) * k / 20 for n, metric in enumerate(METRICS) for k in CUTOFFS}
    test |= {f"ndcg@{k}": base * (0.8 + k / 100) for k in CUTOFFS}
    beyond = {f"{what}@{k}": 0.1 + base for what in ("coverage", "diversity", "gini") for k in CUTOFFS}
    return {
        "family": FAMILIES.get(name, family),
        "architecture": f"{name} with knobs",
        "valid": {metric: value * 1.02 for metric, value in test.items()},
        "test": test,
        "warm": {"users": 580, "test": {metric: value * 1.05 for metric, value in test.items()}},
        "interval": {metric: [value * 0.93, value * 1.07] for metric, value in test.items()},
        "beyond": beyond | {f"novelty@{k}": 3.2 + base for k in CUTOFFS},
        "link": {
            "auc": 0.8 + base,
            "average_precision": 0.78 + base,
            "accuracy": 0.7 + base,
            "threshold": 0.12,
            "pairs": 9000,
            "non_pairs": 9000,
            "left_out": 1122,
        },
    }


def against(models: dict[str, Any], winner: str) -> dict[str, Any]:
    """Paired differences of ``winner`` to all others."""
    found: dict[str, Any] = {}
    for other, values in models.items():
        if other == winner or (winner, other) == ("full", "bundle"):
            continue
        found[other] = {}
        for metric in ("ndcg@20", "recall@20", "ndcg@10"):
            gap = models[winner]["test"][metric] - values["test"][metric]
            found[other][metric] = {"difference": gap, "interval": [gap - 0.004, gap + 0.004], "p": 0.002}
    return found


def evaluated(bases: dict[str, float], family: str = "filter") -> dict[str, Any]:
    """metrics.json."""
    models = {name: model(name, base, family) for name, base in bases.items()}
    split = {
        "method": "per_user_temporal",
        "md5": {"train": "0" * 32, "valid": "1" * 32, "test": "2" * 32},
        "users": 610,
        "items": 9742,
        "test_users_without_history": 0,
        "test_pairs_with_unknown_item": 0,
    }
    paired = {winner: against(models, winner) for winner in ("full", "bundle") if winner in models}
    return {"split": split, "users": 600, "models": models, "paired": paired, "oracle": None}


def slices(models: dict[str, Any]) -> list[dict[str, str]]:
    """slices.csv as it is read."""
    rows = []
    for place, (name, users) in enumerate((("1-9", 12), ("10-49", 300), ("50-199", 200), ("200+", 88))):
        for label, values in models.items():
            scaled = {metric: str(value * (0.8 + 0.1 * place)) for metric, value in values["test"].items()}
            rows.append({"slice": name, "model": label, "users": str(users), **scaled})
    return rows


def trials(n: int) -> list[dict[str, Any]]:
    """Search trials, the third of which failed."""
    random, rows, best = np.random.default_rng(4), [], 0.127
    for number in range(1, n + 1):
        gnn, value = number % 3 == 1, float(0.09 + 0.045 * random.random())
        failed = number == 3
        best = best if failed else max(best, value)
        rows.append(
            {
                "trial": number,
                "family": "gnn" if gnn else "filter",
                "label": "gnn sage+sage d=64 relu mean bpr lr=0.001 wd=0.0001 drop=0"
                if gnn
                else "filter linear a=0.3 b=0.4",
                "status": "failed" if failed else "done",
                "value": None if failed else value,
                "best": best,
                "error": "Traceback:\nValueError: it went wrong" if failed else None,
            }
        )
    return rows


def epochs(n: int) -> list[dict[str, Any]]:
    """history.csv of training."""
    return [
        {
            "run": run,
            "epoch": epoch,
            "loss": 0.69 / epoch**0.3,
            "ndcg@20": 0.12 * (1 - 0.7**epoch) if run == "candidate" and epoch % 2 == 0 else None,
        }
        for run in ("candidate", "final")
        for epoch in range(1, n + 1)
    ]


def recipes() -> list[dict[str, Any]]:
    """pareto.csv as it is shaped."""
    names = ("fp32 export", "float16", "float16 -25%", "float16 -50%", "int8", "int8 -25%", "int8 -50%")
    ratios, kept = (1, 2, 2.6, 3.9, 3.8, 5.0, 7.4), (1, 1, 0.996, 0.97, 0.9985, 0.994, 0.967)
    return [
        {
            "recipe": name,
            "bytes": int(12_400_000 / ratio),
            "ratio": float(ratio),
            "retained": share,
            "value": 0.134 * share,
            "low": 0.134 * share - 0.006,
            "high": 0.134 * share + 0.006,
            "export": name == "fp32 export",
            "cost": int(5_000_000 / ratio**0.5),
            "p99_ms": 0.4 + 1.0 / ratio,
            "front": share != 0.967,
            "chosen": name == "int8 -25%",
        }
        for name, ratio, share in zip(names, ratios, kept, strict=True)
    ]


TITLES = (
    "Toy Story (1995)",
    "Heat (1995)",
    "Fargo (1996)",
    "Alien (1979)",
    "Brazil (1985)",
    "The Rock (1996) <b>&</b>",
)


def person(number: int, history: int, found: bool) -> Person:
    """One shown user."""
    shown = [TITLES[(number + place) % len(TITLES)] for place in range(6)]
    quality = 0.1 * number if found else None
    return Person(
        str(number), history, shown[: min(history, 4)], shown, [found and place == 1 for place in range(6)], quality
    )


def make_inputs(family: str = "filter", bases: dict[str, float] | None = None, **changes: Any) -> Inputs:
    """Everything that the report is made of; ``changes`` replace fields."""
    metrics = evaluated(bases or BASES, family)
    random = np.random.default_rng(0)
    watched = (2000 / np.arange(1, 801) ** 0.8).astype(int)
    values: dict[str, Any] = {
        "source": {
            "name": "ml-latest-small",
            "reader": "ml-latest-small",
            "stand_in": False,
            "reason": None,
            "licence": "MovieLens latest-small (GroupLens): for trying.",
            "counts": {"users": 610, "items": 9742, "interactions": 100836},
        },
        "metrics": metrics,
        "best": {"architecture": GNN if family == "gnn" else FILTER, "source": "search"},
        "slices": slices(metrics["models"]),
        "trials": trials(12),
        "records": [
            {"name": name, "status": "done", "chosen": True, "metrics": metrics["models"][name]["valid"]}
            for name in metrics["models"]
            if name in FAMILIES
        ],
        "training": epochs(16) if family == "gnn" else [],
        "pareto": recipes(),
        "gate": 0.95 * 0.134,
        "choice": {
            "metric": "ndcg@20",
            "bytes": {"chosen": 2_480_000, "export": 12_400_000},
            "export": {"ndcg@20": 0.134},
            "metrics": {"ndcg@20": 0.134 * 0.994},
            "slices": {
                "users": {"1-9": 120, "10-49": 490},
                "export": {"1-9": 0.1, "10-49": 0.142},
                "chosen": {"1-9": 0.097, "10-49": 0.1416},
            },
        },
        "checks": {
            "success": True,
            "checks": [
                {
                    "name": "no_null_ids",
                    "severity": "critical",
                    "success": True,
                    "unexpected": 0,
                    "total": 100836,
                    "observed": "",
                },
                {
                    "name": "no_duplicates",
                    "severity": "warning",
                    "success": False,
                    "unexpected": 4,
                    "total": 100836,
                    "observed": "rows",
                },
            ],
        },
        "audit": {
            "method": "per_user_temporal",
            "splits": {
                name: {"rows": rows, "users": 610, "items": 8000}
                for name, rows in (("train", 80592), ("valid", 10122), ("test", 10122))
            },
            "proofs": {"shared_pairs_train_test": 0, "future_rows_train_test": 0},
            "cold": {"valid": {"users": 0, "items": 320}, "test": {"users": 0, "items": 797}},
        },
        "timing": {
            "ingest": {"seconds": 0.6, "peak_memory_mb": 190.0},
            "search": {"seconds": 121.0, "peak_memory_mb": 900.0},
            "evaluate": {
                "seconds": 31.0,
                "peak_memory_mb": 700.0,
                "bundle_query": {"p50_ms": 0.43, "p99_ms": 0.91, "calls": 200},
                "ranking_ms": dict.fromkeys(metrics["models"], 900.0),
            },
        },
        "watched": watched.tolist(),
        "recommended": random.poisson(watched**1.2 / 60).tolist(),
        "people": [person(number, 4 * number, True) for number in range(1, 11)],
        "lineage": lineage(
            git={"commit": "a" * 40, "dirty": False},
            lock=None,
            stages=("search",),
            params={"run": {"seed": 7}},
            requirements="c" * 64,
            runs={"search": {"run": "20260101-000000-1", "wandb": None}},
            bundle="b" * 64,
            threads=2,
        ),
    }
    return Inputs(**{**values, **changes})


@pytest.fixture
def inputs() -> Inputs:
    return make_inputs()
