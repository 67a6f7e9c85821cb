"""A recurrent controller that writes a proposal choice by choice (Zoph and Le 2017, section 3.1).

An LSTM reads what has been chosen so far; a layer for each choice turns its state into the odds of the values. Choices
that others make idle are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import torch
from torch import Tensor, nn

from recsmith.search.encoding import Encoding, Value

Sample = dict[str, Value]


@dataclass(frozen=True)
class Thoughts:
    """What the controller thinks of proposals, choice by choice; idle ones count nothing."""

    logs: Tensor
    """Logarithm of the probability of what was chosen (proposals, choices)."""
    entropies: Tensor
    """How undecided it is about it (proposals, choices)."""


class Controller(nn.Module):
    """The policy over a space; it starts out indifferent: every value of a choice is as likely as the others."""

    def __init__(self, encoding: Encoding, width: int, seed: int) -> None:
        super().__init__()
        self.encoding, self.width = encoding, width
        above = {label: encoding.parents.get(label, {}) for label in encoding.choices}
        self.order = list(TopologicalSorter(above).static_order())
        sizes = [len(encoding.choices[label]) for label in self.order]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.cell = nn.LSTMCell(width, width)
            self.chosen = nn.ModuleList(nn.Embedding(size, width) for size in sizes)
            self.odds = nn.ModuleList(nn.Linear(width, size) for size in sizes)
        for parameter in self.odds.parameters():
            nn.init.zeros_(parameter)

    def draw(self, generator: torch.Generator) -> dict[str, Any]:
        """Draw a proposal."""
        sample: Sample = {}
        with torch.no_grad():
            self._write([sample], lambda logs: int(torch.multinomial(logs.exp(), 1, generator=generator)))
        return self.encoding.decode(sample)

    def read(self, proposals: Sequence[dict[str, Any]]) -> Thoughts:
        """What the controller thinks of given proposals; gradients flow."""
        return self._write([self.encoding.encode(proposal) for proposal in proposals])

    def _write(self, samples: list[Sample], pick: Callable[[Tensor], int] | None = None) -> Thoughts:
        """Go through the choices of ``samples``, which ``pick`` makes from the odds' logarithms where it is given."""
        token = hidden = memory = torch.zeros(len(samples), self.width)
        idle = torch.zeros(len(samples))
        logs, entropies = [idle] * len(self.order), [idle] * len(self.order)
        for place, label in enumerate(self.order):
            made = [self._is_made(label, sample) for sample in samples]
            if not any(made):
                continue
            after = self.cell(token, (hidden, memory))
            odds = torch.log_softmax(self.odds[place](after[0]), dim=1)
            if pick is not None:
                samples[0][label] = self.encoding.choices[label][pick(odds[0])]
            values = torch.tensor([self._index(label, sample) for sample in samples])
            mask = torch.tensor(made)
            logs[place] = odds.gather(1, values[:, None])[:, 0] * mask
            entropies[place] = -(odds.exp() * odds).sum(1) * mask
            new = (self.chosen[place](values), *after)
            token, hidden, memory = (
                torch.where(mask[:, None], now, before)
                for now, before in zip(new, (token, hidden, memory), strict=True)
            )
        return Thoughts(torch.stack(logs, 1), torch.stack(entropies, 1))

    def _is_made(self, label: str, sample: Sample) -> bool:
        above = self.encoding.parents.get(label)
        return not above or any(sample.get(parent) in values for parent, values in above.items())

    def _index(self, label: str, sample: Sample) -> int:
        return self.encoding.choices[label].index(sample[label]) if label in sample else 0
