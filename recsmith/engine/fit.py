"""Fitting an architecture to a graph: filters in closed form, networks step by step, stopped early on valid."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from recsmith.engine.blend import BlendModel, spread
from recsmith.engine.devices import repeatable, resolve
from recsmith.engine.filters import fit_filter
from recsmith.engine.network.gnn import needed_bytes
from recsmith.engine.network.warm import Start
from recsmith.engine.settings import FitSettings, Fitted, OnEpoch, Say
from recsmith.engine.sparse.blockwise import is_linear
from recsmith.engine.train.guide import Guide
from recsmith.engine.train.team import Team
from recsmith.engine.train.training import Training
from recsmith.engine.vectors import popularity
from recsmith.errors import SizedOut, UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Architecture, Blend, Filter, Gnn, describe
from recsmith.model.contract import Model

__all__ = ["FitSettings", "Fitted", "Guide", "OnEpoch", "Say", "Start", "blended", "fit"]


def _loud(text: str) -> None:
    """Where nobody listens, what a person should know goes to the error stream."""
    print(text, file=sys.stderr, flush=True)


def _quiet(row: dict[str, object]) -> None:
    """For callers that do not listen."""


def fit(
    architecture: Architecture,
    graph: Graph,
    settings: FitSettings,
    valid: Relevant | None = None,
    on_epoch: OnEpoch = _quiet,
    say: Say = _loud,
    team: Team | None = None,
    start: Start | None = None,
    guide: Guide | None = None,
) -> Fitted:
    """Fit ``architecture`` to ``graph``.

    A network is evaluated after the first epoch and after every ``evaluate_every``-th; the best of these is kept (the
    first of equals), so that with a constant learning rate a longer run repeats a shorter one exactly and is never
    worse. With ``settings.checkpoints`` an interrupted fit goes on where it was and ends with the same bytes; the
    caller removes that folder once the result is safe. ``start`` is what an earlier network of this architecture learnt
    (filters have closed forms and need none); ``guide`` adds a second loss to a network's. Raises UserError where
    there is nothing to learn from, nothing to stop by, or where the loss is no longer a number.
    """
    settings.check()
    if graph.n_edges == 0:
        raise UserError("The graph has no edges: there is nothing to learn from.")
    if isinstance(architecture, Filter):
        return Fitted(_filter(architecture, graph, settings), architecture, 0)
    if isinstance(architecture, Blend):
        return blended(architecture, _parts(architecture, graph, settings, on_epoch, say), graph, settings.seed)
    _fits(architecture, graph, settings)
    if settings.epochs is None and (valid is None or not len(valid.users)):
        raise UserError("Early stopping needs valid pairs and there are none; give a number of epochs or more data.")
    device = resolve(settings.device)
    with repeatable(settings.seed, settings.threads, device):
        judged = valid if settings.epochs is None else None
        crew = team or Team()
        return Training(architecture, graph, judged, settings, device, crew, say, start, guide).run(on_epoch)


def _parts(architecture: Blend, graph: Graph, settings: FitSettings, on_epoch: OnEpoch, say: Say) -> list[Fitted]:
    """Each part fitted for the epochs that the blend names, with checkpoints of its own."""
    found = []
    for number, (part, epochs) in enumerate(zip(architecture.parts, architecture.epochs, strict=True), start=1):
        say(f"part {number} of {len(architecture.parts)}: {describe(part)}")
        folder = None if settings.checkpoints is None else str(Path(settings.checkpoints) / f"part{number}")
        own = replace(settings, epochs=epochs or None, checkpoints=folder)
        found.append(fit(part, graph, own, None, on_epoch, say))
    return found


def blended(architecture: Blend, parts: Sequence[Fitted], graph: Graph, seed: int) -> Fitted:
    """The blend of parts that are fitted already; the spread of their scores is that of ``seed``'s users."""
    empty = np.diff(graph.indptr) == 0
    factors = [
        weight / spread(part.model, np.flatnonzero(~empty), seed)
        for part, weight in zip(parts, architecture.weights, strict=True)
    ]
    models = [part.model for part in parts]
    model = BlendModel(list(zip(factors, models, strict=True)), popularity(graph), empty)
    return Fitted(model, architecture, max(architecture.epochs), parts=tuple(parts))


def _filter(architecture: Filter, graph: Graph, settings: FitSettings) -> Model:
    device = resolve(settings.device)
    spectra = None if settings.spectra is None else Path(settings.spectra)
    with repeatable(settings.seed, settings.threads, device):
        return fit_filter(architecture, graph, memory_mb=settings.memory_mb, device=device, spectra=spectra)


def _fits(architecture: Gnn, graph: Graph, settings: FitSettings) -> None:
    batch_size = -(-settings.batch_size // settings.accumulate)
    edges = _edges_seen(architecture, graph, settings, batch_size)
    needed = needed_bytes(architecture, graph.n_users + graph.n_items, edges, batch_size, len(graph.events))
    if needed > settings.memory_mb * 2**20:
        raise SizedOut(
            f"Training {describe(architecture)} on {graph.n_users:,} users and {graph.n_items:,} items needs about "
            f"{needed / 2**20:,.0f} MB, more than params.yaml: run.memory_mb = {settings.memory_mb}. Raise it, or take "
            "a smaller dimension or batch_size, or cut batches into more parts (train.accumulate)."
        )


def _edges_seen(architecture: Gnn, graph: Graph, settings: FitSettings, batch_size: int) -> int:
    """Edges that are in memory at once: all, or those of a drawn neighbourhood where vectors are made in blocks."""
    if not settings.fan_out or not is_linear(architecture):
        return graph.n_edges
    nodes, entries = (2 + architecture.negatives) * batch_size, 0
    for fan_out in settings.fan_out:
        entries += nodes * fan_out
        nodes += nodes * fan_out
    return min(graph.n_edges, -(-entries // 2))
