"""Form ``edges``: the winner on a thinner graph. What is stored is as large; making it anew is cheaper."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from recsmith.compress.origin import Form, Made, NoForm, Origin
from recsmith.compress.slim.outputs import outputs
from recsmith.compress.slim.size import size
from recsmith.compress.thin import thinned
from recsmith.config.compress import Compress
from recsmith.engine.fit import fit
from recsmith.engine.vectors import vectors
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Architecture, Blend, Gnn
from recsmith.model.contract import Model


def forms(params: Compress, architecture: Architecture) -> dict[str, Form]:
    """``edges 70%``: a network propagates over so many of its edges, with the weights that it has; a filter is fitted
    to them, and asked with whole histories. NoForm for a blend, whose parts may want different graphs."""
    if isinstance(architecture, Blend):
        raise NoForm("edges thins the graph of one network or filter; the winner is a blend.")
    return {f"edges {100 * (1 - share):.3g}%": partial(_made, share) for share in sorted(set(params.edges))}


def _made(share: float, origin: Origin) -> Made:
    thin = thinned(origin.graph, share)
    origin.say(f"edges {origin.graph.n_edges:,} -> {thin.n_edges:,}")
    return Made(replace(origin.exported(_on(thin, origin)), popularity=origin.exact.popularity))


def _on(thin: Graph, origin: Origin) -> Model:
    """The winner on another graph of the same people and items."""
    if not isinstance(origin.fitted.architecture, Gnn):
        return fit(origin.fitted.architecture, thin, origin.settings).model
    architecture, learnt = origin.network()
    origin.say(size(architecture, learnt, thin).against(size(architecture, learnt, origin.graph)))
    found = outputs(architecture, learnt, thin)
    return vectors(found.user_vectors, found.item_vectors, origin.graph)
