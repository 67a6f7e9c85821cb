"""Which channels stay by the lists that the network gives: a gate a unit, and NNI's pruners with training."""

from __future__ import annotations

import numpy as np
import torch
from torch.func import functional_call

from recsmith.compress.contract import Calibration
from recsmith.compress.gates import Gates, Trained, kept
from recsmith.compress.histories import histories
from recsmith.compress.lessons import Lessons
from recsmith.compress.origin import Origin
from recsmith.compress.slim.axes import CHANNELS, axes, hidden
from recsmith.compress.slim.cut import Kept, Learnt, scaled
from recsmith.compress.slim.outputs import loaded
from recsmith.compress.slim.plan import Plan
from recsmith.compress.teacher import Teacher
from recsmith.compress.tune import drawn
from recsmith.engine.network.gnn import Network
from recsmith.engine.network.warm import learnt as weights_of
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.graph.graph import Graph
from recsmith.model.gnn import Gnn
from recsmith.serving.model import Batch


def by_lists(learnt: Learnt, architecture: Gnn, plan: Plan, pruner: str, origin: Origin) -> tuple[Kept, Learnt]:
    """What stays by Taylor, Movement or AGP, and the weights, which the last two train while they choose."""
    graph, params, seed = origin.graph, origin.params, origin.settings.seed
    network = loaded(architecture, learnt, graph)
    gated = Gated(network, plan, graph)
    people = drawn(Calibration(histories(graph), seed), params.tune)
    lessons = Lessons(Teacher(origin.exact, people), people, np.random.default_rng(seed))
    trained = Trained(lessons, list(network.parameters()), architecture.learning_rate, seed)
    stays = kept(gated, gated.gates, pruner, params.prune, trained)
    return plan.kept(stays), weights_of(network)


class Gated(torch.nn.Module):
    """A network whose channels (or heads) and hidden units have gates where weights make them."""

    def __init__(self, network: Network, plan: Plan, graph: Graph) -> None:
        super().__init__()
        blocks = {hidden(name) for name, _ in network.named_parameters() if "H" in axes(name)}
        self.network, self.plan, self.gates = network, plan, Gates(plan.groups(sorted(blocks)))
        self.n_users, self.adjacency = graph.n_users, Adjacency(graph, torch.device("cpu"))
        self.stored = torch.from_numpy(np.flatnonzero(np.diff(graph.indptr)))

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries of a batch and all item vectors. Shapes: -> (B, W), (I, W)."""
        assert batch.users is not None
        gates = self.gates()
        units = {**gates, CHANNELS: self.plan.channels(gates)}
        weights = scaled(dict(self.network.named_parameters()), units)
        nodes = functional_call(self.network, weights, (self.adjacency,))
        return nodes[self.stored[torch.from_numpy(batch.users)]], nodes[self.n_users :]
