"""What a step of training minimises: the ranking loss of a batch and the length of its id embeddings."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.gnn import Network
from recsmith.engine.optimise import decay
from recsmith.engine.propagate import Gather, SquaredLength
from recsmith.engine.sampling import Batch
from recsmith.engine.view import View
from recsmith.graph.graph import Graph
from recsmith.losses import loss
from recsmith.model.architecture import Gnn


class Objective(nn.Module):
    """The loss of a batch as seen in a view; everything that is trained is inside, so that it can be distributed."""

    def __init__(self, architecture: Gnn, network: Network, graph: Graph) -> None:
        super().__init__()
        self.architecture, self.network, self.n_users = architecture, network, graph.n_users
        self.loss = loss(architecture.loss)
        self.weight_decay = decay(architecture)

    def forward(self, view: View, batch: Batch) -> torch.Tensor:
        """The mean over the pairs of the batch; shapes: -> ()."""
        return self.of_vectors(self.network(view.adjacency), view, batch)

    def of_vectors(self, vectors: torch.Tensor, view: View, batch: Batch) -> torch.Tensor:
        """The part of the loss that needs no propagation beside that of ``vectors`` (n, W), in float32; shapes: -> ()."""
        ranking = self.ranking(vectors, view.gather, batch)
        if not self.weight_decay:
            return ranking
        return ranking + self.weight_decay * l2(self.network.embeddings, view.gather, batch.size)

    def ranking(self, vectors: torch.Tensor, gather: Gather, batch: Batch) -> torch.Tensor:
        """The ranking loss alone, of vectors that are there already; shapes: vectors (n, W) -> ()."""
        positive, negative = (each.float() for each in scores(gather(vectors), batch))
        return self.loss(positive / self.architecture.temperature, negative / self.architecture.temperature)


def scores(vectors: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of the batch's pairs and of their negatives (-inf where a negative is one of the user's own items).

    Shapes: vectors (3 G n, D): users, items, negatives -> (B,), (B, n).
    """
    groups, n = batch.negatives.shape
    users, items, negatives = vectors.view(3, groups, n, -1)
    positive = (users * items).sum(-1).view(-1)
    # One product a pair is quicker multiplied out than as thousands of products of matrices of one row.
    every = (users * negatives).sum(-1, keepdim=True) if n == 1 else users @ negatives.transpose(1, 2)
    negative = every.masked_fill(batch.own, -torch.inf).view(-1, n)
    return positive[: batch.size], negative[: batch.size]


def l2(embeddings: torch.Tensor, gather: Gather, size: int) -> torch.Tensor:
    """Half the squared length of the batch's id embeddings, for each pair (He et al. 2020, equation 15).

    Shapes: embeddings (N, D) -> ().
    """
    return SquaredLength.apply(embeddings, gather.counts) / (2 * size)  # pyright: ignore[reportOperatorIssue]
