"""One line an epoch."""

from __future__ import annotations

from typing import Any

import psutil
import torch

UNITS = {"seconds": "{:.1f} s", "memory_mb": "{:,.0f} MB"}
"""Of what is not shown as ``name value``."""


def line(row: dict[str, Any]) -> str:
    """An epoch for the console: ``epoch   4  loss 0.51230  ndcg@20 0.08120  3.2 s  812 MB``."""
    return "  ".join([f"epoch {row['epoch']:>3}", *(_shown(*item) for item in row.items() if item[0] != "epoch")])


def _shown(name: str, value: float) -> str:
    return UNITS[name].format(value) if name in UNITS else f"{name} {value:.5f}"


def memory_mb(device: torch.device) -> float:
    """Megabytes that this process has allocated on a GPU, or that are resident where it computes on the CPU."""
    used = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else psutil.Process().memory_info().rss
    return used / 2**20
