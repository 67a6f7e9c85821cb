"""The tables of a model that serves as parameters of a network that makes the same scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from recsmith.compress.rounding import Rounding
from recsmith.serving.model import Batch, ServingModel
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable


class Stored(torch.nn.Module):
    """A table that is seen as it will be stored, so that what is learnt makes up for what it loses."""

    def __init__(self, table: VectorTable, precision: str, learnt: bool) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.from_numpy(table.dequantised().copy()), requires_grad=learnt)
        self.rounding = Rounding(precision)
        self.refit()

    def refit(self) -> None:
        """Fit the levels of the rounding to the rows as they are now."""
        self.rounding.fit(self.weight)

    def forward(self) -> torch.Tensor:
        """All rows. Shapes: -> (n, r)."""
        return self.rounding(self.weight)

    def table(self) -> np.ndarray:
        """The rows as they were learnt, before any rounding. Shapes: -> (n, r) float32."""
        return self.weight.detach().numpy().copy()


class Learnt(torch.nn.Module):
    """``q V^T`` of a model whose vectors are all stored, all projected on, or tied; ``h S`` stays as it is.

    With ``top`` only a map of the queries is learnt, and every vector stays frozen. Item vectors and projection are
    seen as ``precision`` will store them.
    """

    def __init__(self, model: ServingModel, precision: str, top: bool) -> None:
        super().__init__()
        assert model.item_vectors is not None
        self.model, self.top = model, top
        self.items = Stored(model.item_vectors, precision, not top)
        tie = model.projection if isinstance(model.projection, TiedTable) else None
        other = model.user_vectors if model.projection is None else model.projection
        assert other is not None
        self.tie = None if tie is None else torch.from_numpy(tie.scale.astype(np.float32)[:, None] * tie.columns)
        # People lie apart from the model and lose next to nothing.
        kept = "float32" if model.projection is None else precision
        self.others = None if tie is not None else Stored(other, kept, not top)
        self.map = torch.nn.Parameter(torch.eye(model.rank), requires_grad=top)

    def refit(self) -> None:
        """Fit the levels of the roundings to the vectors as they are now."""
        for table in (self.items, self.others):
            if table is not None:
                table.refit()

    def learnt(self) -> list[torch.nn.Parameter]:
        """What an optimiser may change."""
        return [value for value in self.parameters() if value.requires_grad]

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries of a batch and all item vectors. Shapes: -> (B, r), (I, r)."""
        items = self.items()
        if self.model.projection is None:
            assert self.others is not None
            assert batch.users is not None
            return self.others()[torch.from_numpy(batch.users)] @ self.map, items
        if self.tie is not None:
            table = items * self.tie
        else:
            assert self.others is not None
            table = self.others()
        return torch.sparse.mm(_histories(batch, self.model.n_items), table) @ self.map, items

    def back(self) -> ServingModel:
        """The model with what was learnt, in float32."""
        items = Table(self.items.table())
        turn = self.map.detach().numpy()
        if self.others is None:
            tie = self.model.projection
            assert isinstance(tie, TiedTable)
            return replace(self.model, item_vectors=items, projection=tie.on(items))
        others = Table((self.others.table() @ turn).astype(np.float32))
        name = "user_vectors" if self.model.projection is None else "projection"
        return replace(self.model, item_vectors=items, **{name: others})


def _histories(batch: Batch, n_items: int) -> torch.Tensor:
    places = torch.from_numpy(np.stack((batch.rows, np.asarray(batch.indices, np.int64))))
    values = torch.from_numpy(batch.values)
    return torch.sparse_coo_tensor(places, values, (len(batch), n_items), check_invariants=False)
