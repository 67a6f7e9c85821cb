"""Where things are computed, and what makes a run repeatable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.deterministic

from recsmith.errors import UserError

FILLING: Any = torch.utils.deterministic
"""Holds the switch for filling new arrays; the module hides its attribute from type checkers."""


def resolve(name: str) -> torch.device:
    """``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:N``; UserError where it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if kind != "cuda" or not (number.isdigit() or name == "cuda"):
        raise UserError(f"params.yaml: run.device = {name!r} is unknown. Known: auto, cpu, cuda, cuda:N.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(number or 0) >= count:
        raise UserError(f"params.yaml: run.device = {name!r}, but torch sees {count} GPUs here. Use auto or cpu.")
    return torch.device(name)


@contextmanager
def repeatable(seed: int, threads: int, device: torch.device) -> Iterator[None]:
    """Seed torch, fix its threads and its algorithms for the block; what was set before is restored after it."""
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        FILLING.fill_uninitialized_memory,
    )
    # cuBLAS reads this when it starts; without it the deterministic mode refuses matrix products.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        torch.set_num_threads(max(1, threads))
        torch.use_deterministic_algorithms(True)
        # Filling every new array with NaN first is a debugging aid and costs a sixth of a step.
        FILLING.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])
            FILLING.fill_uninitialized_memory = before[2]
