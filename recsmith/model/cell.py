"""Networks that are more than a chain: which earlier outputs each layer reads.

Nodes are numbered: 0 is the id embeddings, ``l`` the output of layer ``l`` (1 to L), L + 1 the combination. A layer
reads the mean of its inputs; one that is not the layer before is a skip.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from recsmith.model.gnn import Gnn

Inputs = tuple[tuple[int, ...], ...]
WIDEST = 2
"""Outputs that a layer of a searched cell reads at most (as in Zoph et al. 2018)."""


def reads(architecture: Gnn) -> Inputs:
    """What each layer reads; a chain spelt out."""
    return architecture.inputs or chain(len(architecture.operators))


def chain(depth: int) -> Inputs:
    """Each layer reads the one before it."""
    return tuple((layer,) for layer in range(depth))


def edges(architecture: Gnn) -> list[tuple[int, int]]:
    """All connections, (from, to) by the numbers of nodes, those into the combination last."""
    depth = len(architecture.operators)
    inner = [(source, layer) for layer, sources in enumerate(reads(architecture), 1) for source in sources]
    combined = [depth] if architecture.combination == "last" else range(depth + 1)
    return [*inner, *((source, depth + 1) for source in combined)]


def choices(layer: int) -> list[str]:
    """What layer ``layer`` of a searched cell may read, the layer before it first: ``2``, ``0+2``, ..."""
    earlier = [layer - 1, *range(layer - 1)]
    found = [subset for size in range(1, WIDEST + 1) for subset in combinations(earlier, size)]
    return ["+".join(map(str, sorted(subset))) for subset in found]


def read(choice: str) -> tuple[int, ...]:
    """The outputs that a choice names."""
    return tuple(int(source) for source in choice.split("+"))


def text(inputs: Inputs) -> str:
    """One word: what each layer reads, as in ``0|0+1|2``."""
    return "|".join("+".join(map(str, sources)) for sources in inputs)


def plain(operators: Sequence[str], inputs: Inputs, combination: str) -> tuple[list[str], Inputs]:
    """The same network without layers that nobody reads; () for the inputs where a chain is left."""
    alive = _alive(inputs) if combination == "last" else list(range(1, len(inputs) + 1))
    place = {0: 0, **{layer: number for number, layer in enumerate(alive, 1)}}
    left = tuple(tuple(place[source] for source in inputs[layer - 1]) for layer in alive)
    return [operators[layer - 1] for layer in alive], () if left == chain(len(left)) else left


def _alive(inputs: Inputs) -> list[int]:
    """The layers that the last one depends on, itself included, in order."""
    wanted = {len(inputs)}
    for layer in range(len(inputs), 0, -1):
        if layer in wanted:
            wanted |= set(inputs[layer - 1])
    return sorted(wanted - {0})
