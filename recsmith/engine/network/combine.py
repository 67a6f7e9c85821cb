"""How the layers of a network become one vector a node."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

Layers = list[torch.Tensor]
"""Shapes: (L + 1) times (n, D), the input first."""


def mean(layers: Layers) -> torch.Tensor:
    """The average, added up in place: a table of all nodes is large; shapes: -> (n, D)."""
    if len(layers) == 1:
        return layers[0]
    total = layers[0] + layers[1]
    for layer in layers[2:]:
        total += layer
    return total.div_(len(layers))


class Last(nn.Module):
    """The output of the last layer; shapes: -> (n, D)."""

    def forward(self, layers: Layers) -> torch.Tensor:
        return layers[-1]


class Mean(nn.Module):
    """The average; shapes: -> (n, D)."""

    def forward(self, layers: Layers) -> torch.Tensor:
        return mean(layers)


class Concat(nn.Module):
    """Side by side; shapes: -> (n, (L + 1) D)."""

    def forward(self, layers: Layers) -> torch.Tensor:
        return torch.cat(layers, 1)


class Learned(nn.Module):
    """``sum_l w_l x_l`` with one weight a layer, a softmax of learned numbers that starts as the mean.

    The softmax keeps the length of the vectors out of it: that is the embeddings' business.

    Shapes: logits (L + 1,) -> (n, D).
    """

    def __init__(self, n_layers: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(n_layers))

    def forward(self, layers: Layers) -> torch.Tensor:
        weights = self.logits.softmax(0)
        total = weights[0] * layers[0]
        for weight, layer in zip(weights[1:], layers[1:], strict=True):
            total = torch.addcmul(total, weight, layer)
        return total


class Attention(nn.Module):
    """``x_i = sum_l alpha_il x_il`` with ``alpha_i = softmax_l q . tanh(W x_il + c)``: each node weighs its own layers.

    The score is that of Wang et al. 2019 (heterogeneous graph attention, equation 7), taken node by node as jumping
    knowledge does (Xu et al. 2018).

    Shapes: W (D, D), c, q (D,) -> (n, D).
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dimension, dimension)
        self.query = nn.Linear(dimension, 1, bias=False)

    def forward(self, layers: Layers) -> torch.Tensor:
        scores = [self.query(torch.tanh(self.hidden(layer))) for layer in layers]
        weights = torch.cat(scores, 1).softmax(1).unbind(1)
        total = weights[0][:, None] * layers[0]
        for weight, layer in zip(weights[1:], layers[1:], strict=True):
            total = torch.addcmul(total, weight[:, None], layer)
        return total


class Gru(nn.Module):
    """The last state of a gated recurrent unit that reads the layers from the input on (Cho et al. 2014).

    Shapes: weights (3 D, D) twice, biases (3 D,) twice -> (n, D).
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(dimension, dimension)

    def forward(self, layers: Layers) -> torch.Tensor:
        state = torch.zeros_like(layers[0])
        for layer in layers:
            state = self.cell(layer, state)
        return state


COMBINATIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "last": lambda dimension, n_layers: Last(),
    "mean": lambda dimension, n_layers: Mean(),
    "concat": lambda dimension, n_layers: Concat(),
    "learned": lambda dimension, n_layers: Learned(n_layers),
    "attention": lambda dimension, n_layers: Attention(dimension),
    "gru": lambda dimension, n_layers: Gru(dimension),
}


def combination(name: str, dimension: int, n_layers: int) -> nn.Module:
    """The combination of ``n_layers`` tables, the input counted, with fresh weights."""
    return COMBINATIONS[name](dimension, n_layers)
