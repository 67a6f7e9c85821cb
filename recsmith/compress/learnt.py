"""The tables of a model that serves as parameters of a network that makes the same scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy import sparse

from recsmith.compress.rounding import Rounding
from recsmith.serving.model import Batch, ServingModel
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable


class Learnt(torch.nn.Module):
    """``q V^T`` of a model whose vectors are all stored, all projected on, or tied; ``h S`` stays as it is.

    With ``top`` only a map of the queries is learnt, and every vector stays frozen. Item vectors and projection are
    seen as ``precision`` will store them.
    """

    def __init__(self, model: ServingModel, precision: str, top: bool) -> None:
        super().__init__()
        assert model.item_vectors is not None
        self.model, self.top = model, top
        self.items = torch.nn.Parameter(_tensor(model.item_vectors), requires_grad=not top)
        tie = model.projection if isinstance(model.projection, TiedTable) else None
        other = model.user_vectors if model.projection is None else model.projection
        assert other is not None
        self.tie = None if tie is None else torch.from_numpy(tie.scale.astype(np.float32)[:, None] * tie.columns)
        self.others = None if tie is not None else torch.nn.Parameter(_tensor(other), requires_grad=not top)
        self.map = torch.nn.Parameter(torch.eye(model.rank), requires_grad=top)
        self.roundings = Rounding(precision), Rounding(precision if model.projection is not None else "float32")
        self.refit()

    def refit(self) -> None:
        """Fit the levels of the roundings to the vectors as they are now."""
        self.roundings[0].fit(self.items)
        if self.others is not None:
            self.roundings[1].fit(self.others)

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries of a batch and all item vectors. Shapes: -> (B, r), (I, r)."""
        items = self.roundings[0](self.items)
        if self.model.projection is None:
            assert self.others is not None
            assert batch.users is not None
            return self.others[torch.from_numpy(batch.users)] @ self.map, items
        if self.tie is not None:
            table = items * self.tie
        else:
            assert self.others is not None
            table = self.roundings[1](self.others)
        return torch.sparse.mm(_histories(batch, self.model.n_items), table) @ self.map, items

    def back(self) -> ServingModel:
        """The model with what was learnt, in float32."""
        items = Table(self.items.detach().numpy().copy())
        turn = self.map.detach().numpy()
        if self.others is None:
            tie = self.model.projection
            assert isinstance(tie, TiedTable)
            return replace(self.model, item_vectors=items, projection=tie.on(items))
        others = Table((self.others.detach().numpy() @ turn).astype(np.float32))
        name = "user_vectors" if self.model.projection is None else "projection"
        return replace(self.model, item_vectors=items, **{name: others})


def _tensor(table: VectorTable) -> torch.Tensor:
    return torch.from_numpy(table.dequantised().copy())


def _histories(batch: Batch, n_items: int) -> torch.Tensor:
    matrix = sparse.csr_matrix((batch.values, batch.indices, batch.indptr), shape=(len(batch), n_items))
    places = torch.from_numpy(np.stack((batch.rows, np.asarray(batch.indices, np.int64))))
    return torch.sparse_coo_tensor(places, torch.from_numpy(matrix.data), matrix.shape, check_invariants=False)
