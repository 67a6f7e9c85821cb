"""The winner's own network with shorter vectors, trained by its own loss and by what the winner says."""

from __future__ import annotations

from functools import partial

from recsmith.compress.origin import Form, Made, NoForm, Origin
from recsmith.compress.student.layers import layer_guide
from recsmith.compress.student.rank import rank_guide
from recsmith.compress.student.trained import dimensions, resized, trained
from recsmith.config.compress import Compress
from recsmith.model.architecture import Architecture, Gnn

GUIDES = {"rank": rank_guide, "layers": layer_guide}


def forms(params: Compress, architecture: Architecture) -> dict[str, Form]:
    """``distilled 32 by rank``, ``distilled 32 by layers``; NoForm where the winner is no network."""
    if not isinstance(architecture, Gnn):
        raise NoForm(
            f"distilled trains a network with shorter vectors; the winner is a {architecture.family}. Take graph_free."
        )
    return {
        f"distilled {dimension} by {way}": partial(_made, resized(architecture, dimension), way)
        for dimension in dimensions(params, architecture.dimension - 1)
        for way in dict.fromkeys(params.student.distil)
    }


def _made(student: Gnn, way: str, origin: Origin) -> Made:
    return trained(origin, student, GUIDES[way](origin))
