"""A network that goes on from what an earlier one learnt: its people and items by id, new ones as usual."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import nn

from recsmith.engine.network.gnn import Network
from recsmith.errors import UserError
from recsmith.model.architecture import Gnn

EMBEDDINGS = "embeddings"


@dataclass(frozen=True)
class Start:
    """What an earlier network of the same architecture learnt.

    Shapes: learnt[EMBEDDINGS] (N', D) with its N' nodes; nodes (N,) int64: the row there of each node that there is
    now, users first, -1 for one that is new.
    """

    architecture: Gnn
    learnt: dict[str, torch.Tensor]
    nodes: np.ndarray

    @cached_property
    def hash(self) -> str:
        """A name for the content."""
        state = hashlib.md5(np.ascontiguousarray(self.nodes).tobytes(), usedforsecurity=False)
        for name in sorted(self.learnt):
            state.update(name.encode())
            state.update(self.learnt[name].contiguous().numpy().tobytes())
        return state.hexdigest()

    @property
    def known(self) -> int:
        """Nodes that start where they were."""
        return int((self.nodes >= 0).sum())

    def begin(self, network: Network) -> None:
        """Set ``network`` to what was learnt; new nodes stay as they were drawn.

        UserError where it is another architecture or another graph's.
        """
        if network.architecture != self.architecture:
            raise UserError("A network starts only from what the same architecture learnt; this is another one.")
        # A table over events grows where a new event came; it is learnt anew.
        self._copy(network, self.learnt)

    def _copy(self, network: Network, taken: Mapping[str, torch.Tensor]) -> None:
        """Copy what is ``taken`` of the learnt tensors, as far as shapes agree; of id embeddings the first columns."""
        if len(self.nodes) != len(network.embeddings):
            raise UserError(f"The start knows {len(self.nodes):,} nodes, the graph has {len(network.embeddings):,}.")
        own = network.state_dict()
        for name, value in taken.items():
            if name == EMBEDDINGS:
                columns = min(value.shape[1], own[name].shape[1])
                kept = torch.from_numpy(self.nodes >= 0).to(own[name].device)
                rows = value[torch.from_numpy(self.nodes[self.nodes >= 0]), :columns]
                own[name][kept, :columns] = rows.to(own[name].device)
            elif name in own and own[name].shape == value.shape:
                own[name].copy_(value)


class Inherited(Start):
    """What a network of another architecture learnt: a network takes of it whatever fits (weight inheritance).

    Id embeddings of more dimensions are cut; of fewer, the columns beyond stay as they were drawn. Of everything else a
    tensor of equal shape is taken where the layer has the same operator, or the combination is the same.
    """

    def begin(self, network: Network) -> None:
        """Set ``network`` to what fits of what was learnt; UserError where it is another graph's."""
        self._copy(network, {name: value for name, value in self.learnt.items() if self._fits(name, network)})

    def _fits(self, name: str, network: Network) -> bool:
        part, _, rest = name.partition(".")
        theirs, ours = self.architecture, network.architecture
        if part == "operators":
            layer = int(rest.partition(".")[0])
            return theirs.operators[layer] in ours.operators[layer : layer + 1]
        return name == EMBEDDINGS or theirs.combination == ours.combination


def learnt(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of all that ``network`` has learnt, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def placed(now: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    """Where each id of ``now`` stands in ``earlier``, -1 where it does not. Shapes: (n,), (m,) str -> (n,) int64."""
    order = np.argsort(earlier, kind="stable")
    place = np.searchsorted(earlier, now, sorter=order)
    found = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros(len(now), np.int64)
    return np.where(earlier[found] == now, found, -1) if len(order) else np.full(len(now), -1, np.int64)
