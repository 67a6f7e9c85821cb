"""What a step of training minimises: the ranking loss of a batch, the length of its id embeddings, the contrast, and
what a teacher adds."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import normalize

from recsmith.engine.batch.negatives import log_q
from recsmith.engine.batch.rivals import Rivals
from recsmith.engine.batch.sampling import Batch
from recsmith.engine.batch.view import View
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.propagate import Gather, SquaredLength
from recsmith.engine.train.contrast import contrast, noise
from recsmith.engine.train.optimise import decay
from recsmith.graph.graph import Graph
from recsmith.losses import loss
from recsmith.model.architecture import Gnn


class Objective(nn.Module):
    """The loss of a batch as seen in a view; everything that is trained is inside, so that it can be distributed."""

    log_q: torch.Tensor | None

    def __init__(self, architecture: Gnn, network: Network, graph: Graph, guide: nn.Module | None = None) -> None:
        """``guide``: a loss that is added, of the vectors of all nodes (N, W) and the batch (:mod:`.guide`)."""
        super().__init__()
        self.architecture, self.network, self.n_users = architecture, network, graph.n_users
        self.guide = guide
        self.loss = loss(architecture.loss)
        self.value = self.loss.of(architecture)
        self.weight_decay = decay(architecture)
        self.rivals = Rivals(graph) if self.loss.reads == "batch" else None
        corrected = architecture.log_q and self.loss.softmax
        self.register_buffer("log_q", log_q(graph, architecture) if corrected else None, persistent=False)

    @property
    def decomposes(self) -> bool:
        """Whether the value of a batch is the mean of those of its parts, weighted with their sizes."""
        return self.loss.decomposes and self.architecture.contrast == "none" and self.guide is None

    def forward(self, view: View, batch: Batch) -> torch.Tensor:
        """The mean over the pairs of the batch, 0 for an empty one; shapes: -> ()."""
        if not batch.size:
            return torch.stack([weights.sum() for weights in self.parameters()]).sum() * 0
        layers = self.network.layers(view.adjacency, view.nodes, noise(self.network))
        vectors = self.network.combine(layers)
        value = self._without_contrast(vectors, layers[0], view.gather, batch)
        if self.guide is not None:
            value = value + self.guide(vectors, batch)
        if self.architecture.contrast == "none":
            return value
        return value + self.architecture.contrast_weight * contrast(self.network, layers, vectors, view, batch)

    def of_vectors(self, vectors: torch.Tensor, view: View, batch: Batch) -> torch.Tensor:
        """The part of the loss that needs no propagation beside that of ``vectors``; shapes: vectors (n, W) -> ()."""
        embeddings = self.network.embeddings
        inputs = embeddings if view.nodes is None else embeddings.index_select(0, view.nodes)
        return self._without_contrast(vectors, inputs, view.gather, batch)

    def _without_contrast(
        self, vectors: torch.Tensor, inputs: torch.Tensor, gather: Gather, batch: Batch
    ) -> torch.Tensor:
        batch, gather = hardest(vectors, gather, batch)
        ranking = self.ranking(vectors, gather, batch)
        return ranking + self.weight_decay * l2(inputs, gather, batch.size) if self.weight_decay else ranking

    def ranking(self, vectors: torch.Tensor, gather: Gather, batch: Batch) -> torch.Tensor:
        """The ranking loss alone, of vectors that are there already, in float32; shapes: vectors (n, W) -> ()."""
        with torch.autocast(vectors.device.type, enabled=False):
            return self._of_rows(self._scaled(gather(vectors).float(), len(batch.users)), batch)

    def _of_rows(self, rows: torch.Tensor, batch: Batch) -> torch.Tensor:
        if self.loss.reads == "vectors":
            return self.value(*rows.view(2, batch.size, -1))
        if self.rivals is None:
            positive, negative = scores(rows, batch)
            if self.log_q is not None:
                drawn = self.log_q[batch.negatives].repeat_interleave(batch.own.shape[1], 0)
                negative = negative - drawn[: batch.size]
        else:
            users, items = rows.view(2, batch.size, -1)
            positive, negative = (users * items).sum(1), self.rivals(users, items, batch, self.log_q)[:, None]
        if self.log_q is not None:
            positive = positive - self.log_q[batch.items[: batch.size]]
        return self.value(positive, negative)

    def _scaled(self, rows: torch.Tensor, users: int) -> torch.Tensor:
        """Rows as the loss wants them: of length 1 for cosines, else users divided by the temperature."""
        if self.loss.cosine:
            return rows if self.architecture.head == "cosine" else normalize(rows, eps=1e-8)
        if self.architecture.temperature == 1:
            return rows
        return torch.cat([rows[:users] / self.architecture.temperature, rows[users:]])


def hardest(vectors: torch.Tensor, gather: Gather, batch: Batch) -> tuple[Batch, Gather]:
    """Of each interaction's candidates the one with the highest score as vectors are now (Zhang et al. 2013).

    Shapes: vectors (n, W).
    """
    pairs, m = len(batch.users), batch.negatives.numel()
    if m <= pairs:
        return batch, gather
    candidates = gather.rows[2 * pairs :].view(pairs, -1)
    with torch.no_grad():
        users = vectors[gather.rows[:pairs]]
        found = torch.bmm(vectors[candidates], users[:, :, None])[..., 0]
        choice = found.masked_fill(batch.own.view(pairs, -1), -torch.inf).argmax(1)
    kept = candidates.gather(1, choice[:, None])[:, 0]
    return batch.chosen(choice), Gather.of(torch.cat([gather.rows[: 2 * pairs], kept]), len(vectors))


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
