"""What a loss is: a function of tensors, and what it wants to be given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

Value = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Loss:
    """A ranking loss; each lies in a file of its own."""

    function: Callable[..., torch.Tensor]
    """Of two tensors, see ``reads``, and of ``knobs`` by name -> () loss, the mean over the pairs."""
    reads: Literal["negatives", "batch", "vectors"] = "negatives"
    """negatives: (B,) scores of positives and (B, n) of drawn negatives, ``-inf`` where one does not count; batch: the
    same with n = 1, one score that stands for all other items of the batch; vectors: (B, W) users and (B, W) items."""
    knobs: tuple[str, ...] = ()
    """Of the architecture."""
    cosine: bool = False
    """Whether it is defined on vectors of length 1, whatever the head; the temperature is then not used."""
    softmax: bool = False
    """Whether scores may be corrected by how often an item is drawn."""

    @property
    def decomposes(self) -> bool:
        """Whether the loss of a batch is the mean of those of its parts, weighted with their sizes."""
        return self.reads == "negatives"

    def of(self, architecture: Any) -> Value:
        """The function with the knobs of ``architecture``."""
        return partial(self.function, **{name: getattr(architecture, name) for name in self.knobs})
