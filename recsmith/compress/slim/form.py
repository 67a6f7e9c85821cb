"""Forms of a network with fewer channels, heads or layers, fine-tuned by the training that made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from recsmith.compress.origin import Form, Made, NoForm, Origin
from recsmith.compress.row_norms import NORMS
from recsmith.compress.slim.cut import Kept, Learnt, sliced, smaller
from recsmith.compress.slim.layers import removable, without
from recsmith.compress.slim.lists import by_lists
from recsmith.compress.slim.norms import by_norm
from recsmith.compress.slim.outputs import outputs
from recsmith.compress.slim.plan import Plan, plan
from recsmith.compress.slim.size import size
from recsmith.config.compress import Compress
from recsmith.engine.fit import Fitted, Start, fit
from recsmith.model.architecture import Architecture, Gnn

Weights = dict[str, torch.Tensor]
Cut = Callable[[Origin, Gnn, Weights], tuple[Gnn, Weights]]


def forms(params: Compress, architecture: Architecture) -> dict[str, Form]:
    """``slim 50% of channels``, ``slim 50% of heads``, ``slim without layer 2``; NoForm where it is no network."""
    if not isinstance(architecture, Gnn):
        raise NoForm(f"slim prunes networks as a whole; the winner is a {architecture.family}.")
    found: dict[str, Form] = {}
    for unit in dict.fromkeys(params.slim.units):
        if unit == "layers":
            found |= {f"slim without layer {layer}": partial(_made, _layer(layer)) for layer in removable(architecture)}
            continue
        for share in sorted(set(params.slim.sparsity)):
            plan(architecture, unit, share)
            found[f"slim {share:.0%} of {unit}"] = partial(_made, _units(unit, share))
    return found


def _layer(layer: int) -> Cut:
    return lambda origin, architecture, learnt: without(architecture, learnt, layer)


def _units(unit: str, share: float) -> Cut:
    def cut(origin: Origin, architecture: Gnn, learnt: Weights) -> tuple[Gnn, Weights]:
        kept, weights = _chosen(architecture, learnt, plan(architecture, unit, share), origin)
        return smaller(architecture, kept), sliced(weights, kept, architecture)

    return cut


def _chosen(architecture: Gnn, learnt: Weights, how: Plan, origin: Origin) -> tuple[Kept, Learnt]:
    pruner = origin.params.slim.pruner
    if pruner in NORMS:
        return by_norm(learnt, how, pruner), learnt
    return by_lists(learnt, architecture, how, pruner, origin)


def _made(cut: Cut, origin: Origin) -> Made:
    """The network after ``cut``, trained for ``compress.slim.epochs`` from there, as it serves."""
    architecture, learnt = origin.network()
    small, weights = cut(origin, architecture, learnt)
    before, after = size(architecture, learnt, origin.graph), size(small, weights, origin.graph)
    origin.say(after.against(before))
    return Made(origin.exported(_tuned(small, weights, origin).model))


def _tuned(architecture: Gnn, learnt: Weights, origin: Origin) -> Fitted:
    graph, epochs = origin.graph, origin.params.slim.epochs
    start = Start(architecture, learnt, np.arange(graph.n_users + graph.n_items))
    if epochs:
        return fit(architecture, graph, replace(origin.settings, epochs=epochs), say=origin.say, start=start)
    return Fitted(outputs(architecture, learnt, graph), architecture, 0, learnt=learnt)
