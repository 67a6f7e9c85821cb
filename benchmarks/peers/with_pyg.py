"""PyG's LightGCN, trained and ranked as in its own example (examples/lightgcn.py): dense edge lists, BPR, Adam."""

from __future__ import annotations

import time

import numpy as np
import torch
from _peer import Clock, Task, say, task
from torch_geometric.nn.models import LightGCN

EVALUATED = 1024
"""Users of a block of scores."""


def main() -> None:
    """Train until the time is over, rank, leave the result."""
    given = task()
    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads)
    pairs = torch.from_numpy(given.train).T + torch.tensor([[0], [given.n_users]])
    edges = torch.cat([pairs, pairs.flip(0)], 1)
    model = LightGCN(given.n_users + given.n_items, given.dimension, given.layers)
    clock, steps = trained(model, given, pairs, edges)
    start = time.perf_counter()
    lists = ranked(model, given, edges)
    rank_s, epochs = time.perf_counter() - start, clock.steps / steps
    state = f"last state, after {epochs:.2f} epochs"
    given.finish(lists, epoch_s=clock.epoch_s(steps), rank_s=rank_s, epochs=epochs, state=state)


def trained(model: LightGCN, given: Task, pairs: torch.Tensor, edges: torch.Tensor) -> tuple[Clock, int]:
    """Train ``model``; the clock and the steps of an epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    loader = torch.utils.data.DataLoader(range(pairs.shape[1]), batch_size=given.batch_size, shuffle=True)  # pyright: ignore[reportArgumentType]
    clock = Clock(given.seconds)
    while not clock.over:
        for index in clock.batches(loader):
            loss = step(model, optimizer, pairs[:, index], edges, given)
        say(f"step {clock.steps}, {clock.steps / len(loader):.2f} epochs, loss {loss:.4f}, {clock.spent:.0f} s")
    return clock, len(loader)


def step(
    model: LightGCN, optimizer: torch.optim.Optimizer, positive: torch.Tensor, edges: torch.Tensor, given: Task
) -> float:
    """One step on a batch of positive pairs (2, B)."""
    drawn = torch.randint(given.n_users, given.n_users + given.n_items, (positive.shape[1],))
    labelled = torch.cat([positive, torch.stack([positive[0], drawn])], 1)
    optimizer.zero_grad()
    liked, other = model(edges, labelled).chunk(2)
    loss = model.recommendation_loss(liked, other, node_id=labelled.unique())
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def ranked(model: LightGCN, given: Task, edges: torch.Tensor) -> np.ndarray:
    """The lists of the users with a test item."""
    vectors = model.get_embedding(edges)
    users, lists = torch.from_numpy(given.users), []
    order = np.argsort(given.train[:, 0], kind="stable")
    ends = np.searchsorted(given.train[order, 0], np.arange(given.n_users + 1))
    for start in range(0, len(users), EVALUATED):
        block = users[start : start + EVALUATED]
        scores = vectors[block] @ vectors[given.n_users :].T
        own = [order[ends[user] : ends[user + 1]] for user in block.tolist()]
        rows = np.repeat(np.arange(len(own)), [len(places) for places in own])
        scores[torch.from_numpy(rows), torch.from_numpy(given.train[np.concatenate(own), 1])] = -torch.inf
        best = scores.topk(min(given.k, given.n_items), dim=-1)
        lists.append(best.indices.masked_fill(best.values == -torch.inf, -1).numpy())
    return np.concatenate(lists)


if __name__ == "__main__":
    main()
