"""Vectors of all nodes with bounded memory: layer by layer, rows in blocks, tables that may be memory-mapped."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import sparse

from recsmith.engine.sparse.directed import Directed, chunks, spread
from recsmith.engine.sparse.normal import power
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Gnn, describe
from recsmith.model.names import LINEAR_OPERATORS

ENTRIES = 2**22
"""Entries of a block of rows; one node's row may be longer."""
COMBINATIONS = ("mean", "last", "concat")
"""Those that are linear and have no weights."""


def propagate(architecture: Gnn, graph: Graph, embeddings: np.ndarray, folder: Path | str) -> np.ndarray:
    """The vectors of a linear network, as ``Network`` gives them, in a memory-mapped table in ``folder``.

    A block of rows is in memory; the layer that is read, the one that is written and the vectors may lie on disk.
    UserError where the network is not linear.

    Shapes: embeddings (N, D) float32, the network's own -> (N, D) float32, or (N, (L + 1) D) where concatenated.
    """
    _check_linear(architecture)
    directed, (n, width) = Directed(graph), embeddings.shape
    concat = architecture.combination == "concat"
    Path(folder).mkdir(parents=True, exist_ok=True)
    vectors = _table(Path(folder) / "vectors.npy", n, width * (1 + len(architecture.operators) * concat))
    vectors[:, :width], layer = embeddings, embeddings
    for number, operator in enumerate(architecture.operators, 1):
        before, layer = layer, _table(Path(folder) / f"layer-{number % 2}.npy", n, width)
        for part in row_blocks(directed):
            heard = matrix(directed, part, architecture) @ before if operator == "lightgcn" else before[part]
            layer[part] = heard + before[part] if architecture.residual else heard
            _combine(vectors[part], layer[part], architecture.combination, number)
    _finish(vectors, architecture)
    for left in Path(folder).glob("layer-*.npy"):
        left.unlink()
    return vectors


def row_blocks(directed: Directed) -> list[slice]:
    """All nodes in ranges of at most ``ENTRIES`` entries, or of one node that has more."""
    ends, cuts = np.cumsum(directed.stop - directed.start), [0]
    while cuts[-1] < directed.n_nodes:
        done = ends[cuts[-1] - 1] if cuts[-1] else 0
        cuts.append(max(cuts[-1] + 1, int(np.searchsorted(ends, done + ENTRIES, side="right"))))
    return [slice(first, last) for first, last in pairwise(cuts)]


def matrix(directed: Directed, rows: slice, architecture: Gnn) -> sparse.csr_matrix:
    """Some rows of ``D^-target A D^-source``; shapes: -> (rows, N) float32."""
    start, count = directed.start[rows], directed.stop[rows] - directed.start[rows]
    nodes, places = np.repeat(np.arange(rows.start, rows.stop), count), spread(start, count)
    columns, degree = directed.columns(places), directed.degree
    values = power(degree[nodes], -architecture.target_exponent) * directed.weights(nodes, places)
    values *= power(degree[columns], -architecture.source_exponent)
    indptr = np.concatenate(([0], np.cumsum(count)))
    return sparse.csr_matrix((values.astype(np.float32), columns, indptr), shape=(len(count), directed.n_nodes))


def _combine(vectors: np.ndarray, layer: np.ndarray, combination: str, number: int) -> None:
    if combination == "mean":
        vectors += layer
    elif combination == "last":
        vectors[:] = layer
    else:
        vectors[:, number * layer.shape[1] : (number + 1) * layer.shape[1]] = layer


def _finish(vectors: np.ndarray, architecture: Gnn) -> None:
    """The division of a mean, and length 1 where the head is cosine."""
    for part in chunks(len(vectors), max(1, ENTRIES // vectors.shape[1])):
        if architecture.combination == "mean":
            vectors[part] /= len(architecture.operators) + 1
        if architecture.head == "cosine":
            vectors[part] /= np.maximum(np.linalg.norm(vectors[part], axis=1, keepdims=True), 1e-8)


def _table(path: Path, n: int, width: int) -> np.ndarray:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, width))


def is_linear(architecture: Gnn) -> bool:
    """Whether :func:`propagate` can do it."""
    return (
        set(architecture.operators) <= set(LINEAR_OPERATORS)
        and architecture.combination in COMBINATIONS
        and architecture.activation == "identity"
        and not architecture.inputs
    )


def _check_linear(architecture: Gnn) -> None:
    if not is_linear(architecture):
        raise UserError(
            f"{describe(architecture)} cannot be propagated in blocks. What can: operators "
            f"{' or '.join(LINEAR_OPERATORS)}, combination {', '.join(COMBINATIONS)}, activation identity, layers in a "
            "chain."
        )
