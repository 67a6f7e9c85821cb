"""The items of a batch as the negatives of its users: no draws, and no table of all users by all items."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.batch.pairs import distinct
from recsmith.engine.batch.sampling import Batch
from recsmith.engine.sparse.propagate import Gather
from recsmith.graph.graph import Graph
from recsmith.losses.log_sum_exp import Entries, log_sum_exp


class Rivals(nn.Module):
    """One score for each pair that stands for all items of the batch that its user has not: the log of their sum.

    Equal users and equal items of a batch are worked out once; an item that stands there ``c`` times counts for ``c``.
    """

    indptr: torch.Tensor
    items: torch.Tensor

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        histories = graph.binary
        self.register_buffer("indptr", torch.from_numpy(histories.indptr).long(), persistent=False)
        self.register_buffer("items", torch.from_numpy(histories.indices).long(), persistent=False)

    def forward(
        self, users: torch.Tensor, items: torch.Tensor, batch: Batch, log_q: torch.Tensor | None
    ) -> torch.Tensor:
        """``ln sum_c e^(u_b i_c - log_q_c)``, ``-inf`` where the user has all items of the batch.

        Shapes: users, items (B, W) of the batch's pairs, log_q (I,) -> (B,).
        """
        some_users, user_of = distinct(batch.users)
        some_items, item_of = distinct(batch.items)
        bias = torch.bincount(item_of, minlength=len(some_items)).to(users.dtype).log()
        if log_q is not None:
            bias = bias - log_q[batch.items[some_items]]
        owned = self._owned(batch.users[some_users], batch.items[some_items])
        queries, keys = (Gather.of(rows, len(batch.users)) for rows in (some_users, some_items))
        return log_sum_exp(queries(users), keys(items), bias, owned)[user_of]

    def _owned(self, users: torch.Tensor, items: torch.Tensor) -> Entries:
        """Where ``users`` (R,) have one of ``items`` (C,), which ascend."""
        lengths = self.indptr[users + 1] - self.indptr[users]
        rows = torch.repeat_interleave(lengths)
        before = lengths.cumsum(0) - lengths
        history = self.items[torch.arange(len(rows), device=rows.device) + (self.indptr[users] - before)[rows]]
        columns = torch.searchsorted(items, history).clamp_(max=len(items) - 1)
        there = items[columns] == history
        return rows[there], columns[there]
