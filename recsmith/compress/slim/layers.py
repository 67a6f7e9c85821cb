"""A network without one of its layers: what read it reads what it read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch

from recsmith.compress.slim.cut import Learnt
from recsmith.errors import UserError
from recsmith.model.gnn import Gnn


def removable(architecture: Gnn) -> range:
    """The layers that may go, from 1; UserError where none may: the only one, or those of a cell."""
    depth = len(architecture.operators)
    if depth < 2 or architecture.inputs:
        raise UserError(
            f"params.yaml: compress.slim.units: layers needs a network of at least 2 layers in a chain; this one has "
            f"{depth}{' in a cell' if architecture.inputs else ''}. Take channels."
        )
    return range(1, depth + 1)


def without(architecture: Gnn, learnt: Learnt, layer: int) -> tuple[Gnn, dict[str, torch.Tensor]]:
    """The architecture and the weights without ``layer``, counted from 1."""
    operators = [name for number, name in enumerate(architecture.operators, 1) if number != layer]
    contrast = min(architecture.contrast_layer, len(operators))
    chosen = architecture.model_copy(update={"operators": tuple(operators), "contrast_layer": contrast})
    return chosen, dict(_weights(learnt, layer))


def _weights(learnt: Learnt, layer: int) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in learnt.items():
        found = re.fullmatch(r"operators\.(\d+)\.(.*)", name)
        number = int(found[1]) + 1 if found else 0
        if name == "combination.logits":
            yield name, torch.cat([value[:layer], value[layer + 1 :]])
        elif found and number > layer:
            yield f"operators.{number - 2}.{found[2]}", value
        elif number != layer:
            yield name, value
