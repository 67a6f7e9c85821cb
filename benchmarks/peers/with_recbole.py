"""RecBole's LightGCN by RecBole's own data set, loader, trainer and evaluator, with its published settings."""

# pyright: reportMissingImports=false
from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _peer import Clock, Task, say, task
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import LightGCN
from recbole.trainer import Trainer
from recbole.utils import init_seed

EVALUATED = 256
"""Users of a block of scores."""


def main() -> None:
    """Train until the time is over, rank, leave the result."""
    given = task()
    # RecBole's checkpoints and data sets are pickles; torch reads such files only when it is told to.
    torch.load = functools.partial(torch.load, weights_only=False)
    torch.set_num_threads(given.threads)
    write(given)
    config = settings(given)
    init_seed(given.seed, reproducibility=True)
    dataset = create_dataset(config)
    train, _, test = data_preparation(config, dataset)
    say("data and adjacency are read")
    trainer = Trainer(config, LightGCN(config, train.dataset))
    clock, steps = Clock(given.seconds), len(train)
    while not clock.over:
        loss = trainer._train_epoch(Timed(clock, train), clock.steps // steps)
        say(f"step {clock.steps}, {clock.steps / steps:.2f} epochs, sum of losses {loss:.3f}, {clock.spent:.0f} s")
    start = time.perf_counter()
    told = trainer.evaluate(test, load_best_model=False)
    rank_s, epochs = time.perf_counter() - start, clock.steps / steps
    say(f"RecBole's own evaluation: {dict(told)}")
    state = f"last state, after {epochs:.2f} epochs"
    lists = listed(trainer, dataset, test, given)
    given.finish(lists, epoch_s=clock.epoch_s(steps), rank_s=rank_s, epochs=epochs, state=state, own=dict(told))


class Timed:
    """A loader whose batches count against a clock."""

    def __init__(self, clock: Clock, source: Any) -> None:
        self.clock, self.source, self.shuffle = clock, source, source.shuffle

    def __iter__(self) -> Any:
        return self.clock.batches(self.source)

    def __len__(self) -> int:
        return len(self.source)


def write(given: Task) -> None:
    """The pairs as RecBole's benchmark files; its valid part, which nothing reads, is one pair."""
    folder = given.folder / "pairs"
    folder.mkdir(exist_ok=True)
    for name, pairs in (("train", given.train), ("valid", given.test[:1]), ("test", given.test)):
        lines = "".join(f"{user}\t{item}\n" for user, item in pairs.tolist())
        Path(folder / f"pairs.{name}.inter").write_text("user_id:token\titem_id:token\n" + lines, encoding="utf-8")


def settings(given: Task) -> Config:
    """Published settings of LightGCN, the batch of the task, nothing chosen on valid."""
    values = {
        "data_path": str(given.folder),
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": {"inter": ["user_id", "item_id"]},
        "checkpoint_dir": str(given.folder / "saved"),
        "embedding_size": given.dimension,
        "n_layers": given.layers,
        "reg_weight": 1e-4,
        "learning_rate": 0.001,
        "train_batch_size": given.batch_size,
        "eval_batch_size": EVALUATED * (given.n_items + 1),
        "metrics": ["Recall", "NDCG", "MRR", "Hit", "Precision", "MAP"],
        "topk": [given.k],
        "valid_metric": f"NDCG@{given.k}",
        "use_gpu": False,
        "show_progress": False,
        "state": "WARNING",
        "seed": given.seed,
        "worker": 0,
    }
    return Config(model="LightGCN", dataset="pairs", config_dict=values)


@torch.no_grad()
def listed(trainer: Trainer, dataset: Any, test: Any, given: Task) -> np.ndarray:
    """The lists behind RecBole's metrics in our numbers."""
    rows: dict[int, np.ndarray] = {}
    ours = np.array([-1, *map(int, dataset.field2id_token["item_id"][1:])])
    for batch in test:
        users, scores, _, _ = trainer._full_sort_batch_eval(batch)
        best = scores.topk(min(given.k, scores.shape[1]), dim=1)
        place = best.indices.masked_fill(best.values == -torch.inf, 0).numpy()
        tokens = dataset.id2token("user_id", users["user_id"].numpy())
        rows.update(zip(map(int, tokens), ours[place], strict=True))
    return np.stack([rows[int(user)] for user in given.users])


if __name__ == "__main__":
    main()
