"""One line an epoch."""

from __future__ import annotations

from typing import Any


def line(row: dict[str, Any]) -> str:
    """A history row for the console: ``epoch 4  loss 0.51230  ndcg@20 0.0812``."""
    numbers = [f"{name} {value:.5f}" for name, value in row.items() if name != "epoch"]
    return "  ".join([f"epoch {row['epoch']:>3}", *numbers])
