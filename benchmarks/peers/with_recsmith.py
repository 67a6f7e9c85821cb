"""Recsmith: LightGCN as published or as valid favours it, or a filter; trained by ``recsmith.engine``."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _peer import Task, say, task

from recsmith.config.read import read_sections
from recsmith.engine.devices import repeatable
from recsmith.engine.fit import fit
from recsmith.engine.rank.metrics import evaluate_lists
from recsmith.engine.rank.ranking import top_lists
from recsmith.engine.settings import FitSettings
from recsmith.engine.train.team import Team
from recsmith.engine.train.training import Training
from recsmith.files import read_json
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import from_pairs
from recsmith.model.architecture import Filter, Gnn
from recsmith.model.contract import Model

MEMORY_MB = 6000
SETTINGS = Path(__file__).resolve().parent.parent / "settings" / "lightgcn"
FILTER = Filter(
    kind="mixture",
    parts=(
        Filter(kind="polynomial", order=8, flatness=1.5, left_exponent=0.415, right_exponent=0.415),
        Filter(kind="low_pass", rank=512, left_exponent=0.415, right_exponent=0.415),
    ),
    weights=(1.0, 0.2),
)
"""The setting that ChebyCF publishes for Gowalla (Kim et al. 2025); it is used as it is on any data."""


class TimeOver(Exception):
    """The next epoch would end too late."""


def main() -> None:
    """Fit, rank with all metrics, leave the result."""
    given = task()
    graph = from_edges(given.train[:, 0], given.train[:, 1], given.n_users, given.n_items)
    relevant = from_pairs(given.test[:, 0], given.test[:, 1], given.n_users, given.n_items)
    settings = FitSettings(
        seed=given.seed, device="cpu", threads=given.threads, memory_mb=MEMORY_MB, batch_size=given.batch_size
    )
    torch.set_num_threads(given.threads)
    model, found = VARIANTS[given.variant](given, graph, settings)
    start = time.perf_counter()
    lists = top_lists(model, relevant.users, given.k, graph, memory_mb=MEMORY_MB)
    values = evaluate_lists(lists, relevant.users, relevant, [given.k])
    rank_s = time.perf_counter() - start
    say(f"ranking {rank_s:.1f} s, ndcg@{given.k} {values[f'ndcg@{given.k}']:.5f}")
    given.finish(lists, rank_s=rank_s, **found)


def filtered(given: Task, graph: Graph, settings: FitSettings) -> tuple[Model, dict[str, Any]]:
    """A filter in one fit."""
    start = time.perf_counter()
    rank = min(512, graph.n_users, graph.n_items)
    parts = tuple(part.model_copy(update={"rank": rank}) for part in FILTER.parts)
    fitted = fit(FILTER.model_copy(update={"parts": parts}), graph, settings)
    seconds = time.perf_counter() - start
    say(f"fit {seconds:.1f} s")
    return fitted.model, {"epoch_s": seconds, "epochs": 1, "state": "finished fit"}


def published(given: Task, graph: Graph, settings: FitSettings) -> tuple[Model, dict[str, Any]]:
    """LightGCN as it was published (He et al. 2020), in batches as large as the other tools'."""
    network = Gnn(operators=("lightgcn",) * given.layers, dimension=given.dimension)
    return trained(given, network, graph, replace(settings, epochs=10**6))


def tuned(given: Task, graph: Graph, settings: FitSettings) -> tuple[Model, dict[str, Any]]:
    """LightGCN with the loss, start and schedule that valid favoured; it ends when its schedule does."""
    network, chosen = Gnn(**read_json(SETTINGS.with_suffix(".json"))), read_sections(SETTINGS.with_suffix(".yaml"))
    epochs, batch_size = chosen["train"]["max_epochs"], chosen["search"]["batch_size"]
    return trained(given, network, graph, replace(settings, epochs=epochs, max_epochs=epochs, batch_size=batch_size))


def trained(given: Task, architecture: Gnn, graph: Graph, settings: FitSettings) -> tuple[Model, dict[str, Any]]:
    """As many whole epochs as the time and the settings allow, but at least one."""
    rows: list[dict[str, Any]] = []

    def told(row: dict[str, Any]) -> None:
        rows.append(row)
        spent = sum(each["seconds"] for each in rows)
        say(f"epoch {row['epoch']}, loss {row['loss']:.4f}, {spent:.0f} s")
        if spent + row["seconds"] > given.seconds:
            raise TimeOver

    device = torch.device("cpu")
    with repeatable(settings.seed, settings.threads, device):
        training = Training(architecture, graph, None, settings, device, Team(), say)
        with suppress(TimeOver):
            training.run(told)
        model = training.vectors()
    seconds = float(np.mean([row["seconds"] for row in rows]))
    return model, {"epoch_s": seconds, "epochs": len(rows), "state": f"last state, after {len(rows)} epochs"}


VARIANTS = {"lightgcn": published, "tuned": tuned, "filter": filtered}


if __name__ == "__main__":
    main()
