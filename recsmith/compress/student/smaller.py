"""The honest baseline: the winner's own network with shorter vectors, trained from the start without a teacher."""

from __future__ import annotations

from functools import partial

from recsmith.compress.origin import Form, Made, NoForm, Origin
from recsmith.compress.student.trained import dimensions, resized, trained
from recsmith.config.compress import Compress
from recsmith.model.architecture import Architecture, Gnn


def forms(params: Compress, architecture: Architecture) -> dict[str, Form]:
    """``smaller 32``; NoForm where the winner is no network: filters are smaller by rank (``compress.sparsity``)."""
    if not isinstance(architecture, Gnn):
        raise NoForm(f"smaller trains a network with shorter vectors; the winner is a {architecture.family}.")
    return {
        f"smaller {dimension}": partial(_made, resized(architecture, dimension))
        for dimension in dimensions(params, architecture.dimension - 1)
    }


def _made(student: Gnn, origin: Origin) -> Made:
    return trained(origin, student)
