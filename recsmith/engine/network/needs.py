"""How many numbers of four bytes the parts of a network keep alive, counted from their code."""

from __future__ import annotations

from recsmith.engine.sparse.edges import n_features
from recsmith.model.gnn import Gnn
from recsmith.model.names import EDGE_READERS, HEADED

TABLES = {"gcn": 2, "sage": 4, "gat": 3, "gin": 5, "ngcf": 5, "transformer": 8, "rgcn": 2, "dense": 1, "conv1d": 1}
"""Tables of all nodes that an operator keeps for the backward pass or needs in it, beside its input and output."""
TABLES |= {"pooling": 4}
CONTRAST = {"none": 0, "simgcl": 8, "xsimgcl": 3}
"""Tables a layer of the passes with noise."""
LOOPED = ("gcn", "gat", "pooling")
"""Operators whose form of the graph has loops."""
UNHEARING = ("none", "dense", "conv1d")
"""Operators that look at no edge."""
LAYOUT = 9
"""Of an entry: rows, columns, weights and pairs as they are read, rows, columns, order and values as they are kept."""
ATTENTION = 4
"""Of an entry in each head: logits before and after the slope, weights, and what is summed in the backward pass."""


def tables(architecture: Gnn, n_events: int) -> int:
    """Tables of nodes times dimension, of all layers and their combination."""
    layers = len(architecture.operators)
    own = sum(TABLES.get(name, 0) * (n_events if name == "rgcn" else 1) for name in architecture.operators)
    each = (architecture.dropout > 0) + (architecture.activation != "identity") + architecture.residual
    each += CONTRAST[architecture.contrast]
    combined = {"learned": 2, "attention": 5, "gru": 14}.get(architecture.combination, 0)
    mixed = sum(len(sources) > 1 for sources in architecture.inputs)
    return own + mixed + each * layers + combined * (layers + 1)


def words_of_an_entry(architecture: Gnn, n_events: int) -> int:
    """Of the layouts that the operators share, and of every layer's attention."""
    names, reads = architecture.operators, architecture.edge_dimension > 0
    features = n_features(n_events)
    parallel = {name for name in names if name == "rgcn" or (reads and name in EDGE_READERS)}
    merged = {name for name in names if name not in UNHEARING} - (parallel - {"sage"})
    forms = {(name in LOOPED, name in parallel) for name in merged | parallel}
    layouts = sum(LAYOUT + (3 * features if apart else 0) for _, apart in forms) + 3 * len(merged)
    kept = 4 * len(forms) if architecture.edge_dropout else 0
    heads = architecture.heads * sum(name in HEADED for name in names)
    return layouts + kept + ATTENTION * heads * (2 if reads else 1) + (features if heads and reads else 0)
