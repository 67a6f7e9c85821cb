"""Hidden units go from a perceptron by NNI's ModelSpeedup."""

from __future__ import annotations

import logging
import warnings
from typing import Any, cast

import numpy as np
import torch
from torch import fx, nn

LOG = logging.getLogger("nni.compression.speedup")
"""Says each of its steps otherwise."""
LOG.setLevel(logging.ERROR)


def shrunk(perceptron: nn.Sequential, stays: np.ndarray) -> nn.Sequential:
    """``perceptron`` without some of the units of its first layer, which says what it says with them masked.

    Shapes: stays (H,) bool, as NNI's pruners chose.
    """
    first = cast(nn.Linear, perceptron[0])
    mask = torch.from_numpy(stays).float()
    masks = {"0": {"weight": mask[:, None].expand_as(first.weight).clone(), "bias": mask}}
    read = fx.symbolic_trace(perceptron)
    speedup = _model_speedup()(perceptron, torch.zeros(2, first.in_features), masks, graph_module=read, logger=LOG)
    speedup.speedup_model()
    return perceptron


def _model_speedup() -> Any:
    """NNI's class, imported where a perceptron is cut at all."""
    # NNI 3.0 imports its own tracer, which looks for a class that torch 2.1 renamed. The tracer itself is not used: it
    # does not know torch's later functions, and torch's own reads a chain of modules as well.
    if not hasattr(torch._C, "_TensorBase"):
        cast(Any, torch._C)._TensorBase = cast(Any, torch._C).TensorBase
    with warnings.catch_warnings():
        # It registers containers of torch.fx, which torch knows by now, in a way that is deprecated.
        warnings.simplefilter("ignore")
        from nni.compression.speedup import ModelSpeedup
    return ModelSpeedup


def perceptron(learnt: dict[str, torch.Tensor]) -> nn.Sequential:
    """One hidden layer with these weights. Shapes: 0.weight (H, c), 0.bias (H,), 2.weight (C, H), 2.bias (C,)."""
    (hidden, inputs), outputs = learnt["0.weight"].shape, len(learnt["2.weight"])
    made = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
    made.load_state_dict(learnt)
    return made
