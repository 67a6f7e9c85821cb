"""Exact models whose best compressed form is known by construction."""

import numpy as np
import torch
from scipy import sparse

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import export
from recsmith.compress.histories import histories
from recsmith.config.compress import Export
from recsmith.engine.vectors import Vectors, popularity, vectors
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.serving.model import Batch, ServingModel

N_USERS, N_ITEMS, RANK = 60, 90, 8
ALL = Knobs("int8", 0.5, "L2")


class PlantedFilter:
    """A filter whose matrix is given; rows of items that nobody touched are zero, as in every fitted filter."""

    def __init__(self, graph: Graph, matrix: np.ndarray) -> None:
        self.popularity = popularity(graph)
        self.matrix = np.where(self.popularity[:, None] > 0, matrix, 0).astype(np.float32)
        self.graph = graph

    @property
    def n_users(self) -> int:
        return self.graph.n_users

    @property
    def n_items(self) -> int:
        return len(self.matrix)

    def apply(self, histories: sparse.csr_matrix | np.ndarray) -> np.ndarray:
        return np.asarray(histories @ self.matrix, np.float32)

    def rows(self, items: np.ndarray) -> np.ndarray:
        return self.matrix[items]

    def times(self, vectors: np.ndarray) -> np.ndarray:
        return self.matrix @ vectors

    def scores(self, users: np.ndarray) -> torch.Tensor:
        rows = self.graph.binary[users]
        out = self.apply(rows)
        out[np.diff(rows.indptr) == 0] = self.popularity
        return torch.from_numpy(out)


def graph(seed: int = 0) -> Graph:
    """Users like their own third of the items; the last user and the last item have no edges."""
    rng = np.random.default_rng(seed)
    taste = np.arange(N_USERS)[:, None] % 3 == np.arange(N_ITEMS)[None] % 3
    touched = rng.random((N_USERS, N_ITEMS)) < np.where(taste, 0.3, 0.03)
    touched[-1], touched[:, -1] = False, False
    users, items = np.nonzero(touched)
    return from_edges(users, items, N_USERS, N_ITEMS)


def relevant(seed: int = 1) -> Relevant:
    """Three more items of the taste of each user."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(N_USERS), 3)
    items = users % 3 + 3 * rng.integers(0, N_ITEMS // 3, len(users))
    return from_pairs(users, items, N_USERS, N_ITEMS)


def low_rank(seed: int = 0, rank: int = RANK) -> np.ndarray:
    """(I, I) of rank ``rank`` that prefers the items of the same taste."""
    rng = np.random.default_rng(seed)
    left = np.eye(3)[np.arange(N_ITEMS) % 3]
    factors = np.concatenate([left, 0.2 * rng.normal(size=(N_ITEMS, rank - 3))], axis=1)
    return factors @ factors.T


def filter_model(rest: float = 0.0) -> PlantedFilter:
    """Low rank plus ``rest`` times a sparse remainder."""
    rng = np.random.default_rng(5)
    spikes = np.where(rng.random((N_ITEMS, N_ITEMS)) < 0.03, rng.random((N_ITEMS, N_ITEMS)), 0)
    return PlantedFilter(graph(), low_rank() + rest * spikes)


def vector_model() -> Vectors:
    """Users and items of the same taste lie together."""
    rng = np.random.default_rng(6)
    items = np.concatenate([np.eye(3)[np.arange(N_ITEMS) % 3], 0.2 * rng.normal(size=(N_ITEMS, RANK - 3))], axis=1)
    users = np.concatenate([np.eye(3)[np.arange(N_USERS) % 3], 0.2 * rng.normal(size=(N_USERS, RANK - 3))], axis=1)
    return vectors(torch.from_numpy(users), torch.from_numpy(items), graph())


def served(family: str, params: Export | None = None) -> tuple[ServingModel, Batch]:
    """The first form of the fp32 export of a family's planted model, and its people."""
    model = vector_model() if family == "gnn" else filter_model(rest=1.0)
    forms = export(model, graph(), params or Export(rank=RANK, top_k=12), 7, 100)
    return next(iter(forms.values())), histories(graph())


GIVEN = Calibration(histories(graph()))
