"""A supernet trained by a one-shot strategy, and the valid metric of its paths."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path as Folder
from typing import Any

import torch
from nni.nas.evaluator.pytorch import Lightning, Trainer
from nni.nas.execution import SequentialExecutionEngine
from nni.nas.space import RawFormatModelSpace
from pytorch_lightning import Callback

from recsmith.engine.devices import resolve
from recsmith.engine.network.gnn import needed_bytes
from recsmith.engine.settings import FitSettings
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.search.nas.node_scores import Look, Score, measured
from recsmith.search.nas.one_shot_strategies import DARTS, Liked, liked, looks
from recsmith.search.nas.paths import Path, Paths
from recsmith.search.nas.sharing import Steps, batches, held_out
from recsmith.search.nas.supernet import Shared, supernet
from recsmith.search.nas.supernet_scores import SupernetScores

LOGGERS = ("lightning", "lightning.pytorch", "pytorch_lightning", "lightning.fabric", "nni")


@dataclass
class Trained:
    """A supernet whose weights are trained, with what its strategy has learnt."""

    net: Any
    graph: Graph
    valid: Relevant
    settings: FitSettings
    adjacency: Adjacency
    liked: Liked

    def metric(self, tables: torch.Tensor) -> float:
        """The metric on the valid users of this supernet; shapes: tables (N, D)."""
        return measured(tables, self.graph, self.valid, self.settings)

    def value(self, path: Path) -> float:
        """The metric of a path with the shared weights."""
        shared = Shared(self.net, path).eval()
        with torch.no_grad():
            return self.metric(shared(self.adjacency))

    def scores(self, best: Sequence[Path]) -> list[Score]:
        """What each module and connection contributes, averaged over the ``best`` paths."""
        paths = self.net.paths
        told = held_out(paths.base, self.graph, self.valid, self.settings, self.adjacency.device)
        pairs = [parcel.batch for parcel in told if parcel.batch is not None]
        first = Shared(self.net, best[0])
        look = Look(first, self.graph, self.valid, self.settings, self.adjacency, pairs)
        return SupernetScores(self.net, paths, best, look).rows()


def train(
    paths: Paths,
    planner: Callable[[Paths, int, int], Any],
    graph: Graph,
    valid: Relevant,
    settings: FitSettings,
    say: Callable[[str], None],
    limit: float = math.inf,
) -> Trained:
    """Train the supernet of ``paths`` with the strategy of ``planner``; valid: the pairs that tell good paths.

    UserError where it takes longer than ``limit`` seconds, or where it cannot fit into memory.
    """
    device, epochs, seed = resolve(settings.device), settings.max_epochs, settings.seed
    strategy = planner(paths, seed, epochs)
    check_memory(paths, isinstance(strategy, DARTS), graph, settings)
    adjacency = Adjacency(graph, device)
    spectra = None if settings.spectra is None else Folder(settings.spectra)
    net, losses = supernet(paths, graph, spectra, device), Losses(say, epochs, limit)
    measure = partial(measured, graph=graph, valid=valid, settings=settings)
    steps = Steps(paths.base, graph, adjacency, measure, losses.add)
    told = held_out(paths.base, graph, valid, settings, device) if isinstance(strategy, DARTS) else looks()
    loader = batches(paths.base, graph, settings, device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        evaluator = Lightning(steps, _trainer(device, epochs, losses), loader, told)
        strategy(RawFormatModelSpace(net, evaluator), SequentialExecutionEngine())
    net.to(device)
    return Trained(net, graph, valid, settings, adjacency, liked(strategy, paths, seed))


def check_memory(paths: Paths, every: bool, graph: Graph, settings: FitSettings) -> None:
    """UserError where a step of the supernet cannot fit; ``every``: all operators of a layer are computed."""
    names, depth = paths.space.operators, paths.depth
    alive = [names * depth] if every else [(name,) * depth for name in names]
    n_nodes, events = graph.n_users + graph.n_items, max(1, len(graph.events))
    needs = (
        needed_bytes(
            paths.base.model_copy(update={"operators": one}), n_nodes, graph.n_edges, settings.batch_size, events
        )
        for one in alive
    )
    if (needed := max(needs)) > settings.memory_mb * 2**20:
        raise UserError(
            f"A supernet of {len(names)} operators in {depth} layers needs about {needed / 2**20:,.0f} MB, more than "
            f"params.yaml: run.memory_mb = {settings.memory_mb}. Raise it, or take fewer search.space.operators or "
            "layers, a smaller dimension, or one_shot_random, which computes one operator of a layer."
        )


class Losses(Callback):
    """Says the mean loss of each epoch, and ends what takes too long."""

    def __init__(self, say: Callable[[str], None], epochs: int, limit: float) -> None:
        self.say, self.epochs, self.limit = say, epochs, limit
        self.end = time.monotonic() + limit
        self.values: list[float] = []

    def add(self, value: float) -> None:
        """Take the loss of a step; UserError where it is no number, or the time is over."""
        if not math.isfinite(value):
            raise UserError(f"The supernet diverged: the loss is {value}. Take a smaller search.space.learning_rate.")
        if time.monotonic() > self.end:
            raise UserError(
                f"The supernet took longer than all trials may together ({self.limit:g} s). Allow more in params.yaml: "
                "search.trial_seconds, or take fewer search.max_epochs, or smaller values in search.space."
            )
        self.values.append(value)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        mean = sum(self.values) / max(len(self.values), 1)
        self.say(f"supernet: epoch {trainer.current_epoch + 1}/{self.epochs}  loss {mean:.5f}")
        self.values.clear()


def _trainer(device: torch.device, epochs: int, callback: Callback) -> Any:
    on_gpu = device.type == "cuda"
    return Trainer(
        max_epochs=epochs,
        accelerator="gpu" if on_gpu else "cpu",
        devices=[device.index or 0] if on_gpu else 1,
        callbacks=[callback],
        logger=False,
        deterministic=True,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
    )
