"""implicit's alternating least squares with its default settings; one fit."""

from __future__ import annotations

import time

import numpy as np
from _peer import say, task
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits


def main() -> None:
    """Fit, rank, leave the result."""
    given = task()
    ones = np.ones(len(given.train), np.float32)
    matrix = sparse.csr_matrix((ones, given.train.T), shape=(given.n_users, given.n_items))
    with threadpool_limits(1, "blas"):  # implicit asks for it: its own threads share the rows
        model = AlternatingLeastSquares(
            factors=given.dimension, num_threads=given.threads, random_state=given.seed, dtype=np.float32
        )
        start = time.perf_counter()
        model.fit(matrix, show_progress=False)
        fitted = time.perf_counter()
        lists = model.recommend(given.users, matrix[given.users], N=given.k)[0]
        done = time.perf_counter()
    say(f"fit {fitted - start:.1f} s, ranking {done - fitted:.1f} s")
    given.finish(lists, epoch_s=fitted - start, rank_s=done - fitted, epochs=model.iterations, state="finished fit")


if __name__ == "__main__":
    main()
