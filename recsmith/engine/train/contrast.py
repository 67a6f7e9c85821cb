"""Contrastive learning on graphs by noise in the vectors (SimGCL, Yu et al. 2022; XSimGCL, Yu et al. 2024)."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from recsmith.engine.batch.pairs import distinct
from recsmith.engine.batch.sampling import Batch
from recsmith.engine.batch.view import View
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.propagate import Gather
from recsmith.losses.log_sum_exp import log_sum_exp


def noise(network: Network) -> float:
    """Length of the noise in the pass that is ranked: XSimGCL's contrast comes out of that pass itself."""
    knobs = network.architecture
    return knobs.contrast_noise if knobs.contrast == "xsimgcl" else 0.0


def contrast(
    network: Network, layers: list[torch.Tensor], vectors: torch.Tensor, view: View, batch: Batch
) -> torch.Tensor:
    """How far two views of the batch's users, and of its items, are from each other as seen among the rest.

    simgcl: two passes with noise of their own; xsimgcl: the vectors and layer ``contrast_layer`` of the pass that is
    ranked.

    Shapes: layers (L + 1) times (n, D), vectors (n, W) -> ().
    """
    knobs = network.architecture
    if knobs.contrast == "xsimgcl":
        first, second = vectors, layers[knobs.contrast_layer]
    else:
        first, second = (network(view.adjacency, view.nodes, knobs.contrast_noise) for _ in range(2))
    total = torch.zeros((), device=first.device)
    with torch.autocast(first.device.type, enabled=False):
        for gather in _nodes(view.gather, len(first), batch):
            total = total + info_nce(gather(first).float(), gather(second).float(), knobs.contrast_temperature)
    return total


def _nodes(gather: Gather, n: int, batch: Batch) -> list[Gather]:
    """The batch's distinct users, and its distinct items."""
    users, items = gather.rows[: len(batch.users)], gather.rows[len(batch.users) : 2 * len(batch.users)]
    return [Gather.of(rows[distinct(rows)[0]], n) for rows in (users, items)]


def info_nce(first: torch.Tensor, second: torch.Tensor, temperature: float) -> torch.Tensor:
    """``mean_r -ln( e^(cos_rr / t) / sum_c e^(cos_rc / t) )`` (Yu et al. 2022, equation 2).

    Shapes: first, second (R, W): two views of the same nodes -> ().
    """
    first, second = normalize(first) / temperature, normalize(second)
    return (log_sum_exp(first, second) - (first * second).sum(1)).mean()
