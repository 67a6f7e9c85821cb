"""Knobs of a graph neural network, every one of which the search may turn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from recsmith.config.base import Section, one_of
from recsmith.model.names import (
    ACTIVATIONS,
    COMBINATIONS,
    CONTRASTS,
    HEADED,
    LOSSES,
    NEGATIVES,
    OPERATORS,
    OPTIMIZERS,
    SCHEDULES,
    STARTS,
)


def _is_chain(inputs: tuple[tuple[int, ...], ...]) -> bool:
    return not inputs


class Gnn(Section):
    """Node vectors -> one operator a layer -> combination of the layers -> dot product, trained by a ranking loss."""

    family: Literal["gnn"] = "gnn"
    operators: tuple[Annotated[str, one_of(OPERATORS)], ...] = ("lightgcn", "lightgcn", "lightgcn")
    """One a layer; empty or all ``none`` is matrix factorisation."""
    inputs: Annotated[tuple[tuple[Annotated[int, Field(ge=0)], ...], ...], Field(exclude_if=_is_chain)] = ()
    """For each layer the earlier outputs that it reads the mean of: 0 the id embeddings, ``l`` those of layer ``l``;
    empty: a chain, each layer reads the one before it. Not written down where it is empty."""
    dimension: int = Field(default=64, ge=1)
    start: Annotated[str, one_of(STARTS)] = "random"
    """Id embeddings before training: random, or the leading singular vectors of the normalised graph."""
    activation: Annotated[str, one_of(ACTIVATIONS)] = "identity"
    combination: Annotated[str, one_of(COMBINATIONS)] = "mean"
    """Over the input and the output of every layer."""
    residual: bool = False
    target_exponent: float = Field(default=0.5, ge=0, le=1)
    """Of the degree of the node that hears, in lightgcn, gcn and ngcf: ``D^-target A D^-source``."""
    source_exponent: float = Field(default=0.5, ge=0, le=1)
    """Of the degree of the node that is heard."""
    heads: int = Field(default=1, ge=1)
    """Of gat and transformer; divides the dimension."""
    edge_dimension: int = Field(default=0, ge=0)
    """Of the embedded edge attributes (event, weight, time gap) that sage, gat, gin and transformer read; 0: unread."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of message entries that are dropped while training."""
    edge_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of edges that are dropped in each step of training; those that stay weigh more by as much."""
    contrast: Annotated[str, one_of(CONTRASTS)] = "none"
    """A second objective: two noisy views of a node agree (Yu et al. 2022, 2024)."""
    contrast_weight: float = Field(default=0.05, ge=0)
    """A quarter of the published one: id embeddings start longer here, and 0.2 drowns the ranking loss for tens of
    epochs."""
    contrast_noise: float = Field(default=0.1, ge=0)
    """Length of the noise that each layer adds to each vector."""
    contrast_temperature: float = Field(default=0.2, gt=0)
    contrast_layer: int = Field(default=1, ge=1)
    """xsimgcl: the layer that the final vectors are held against."""
    loss: Annotated[str, one_of(LOSSES)] = "bpr"
    sampling: Annotated[str, one_of(NEGATIVES)] = "uniform"
    """Where negatives come from."""
    negatives: int = Field(default=1, ge=1)
    """Sampled items for each interaction."""
    popularity_exponent: float = Field(default=0.75, ge=0, le=1)
    """sampling popularity: an item is drawn in proportion to this power of its count."""
    hard_pool: int = Field(default=8, ge=1)
    """sampling hard: each negative is the highest scored of so many draws (Zhang et al. 2013)."""
    log_q: bool = False
    """Softmax losses: scores are corrected by the log of how often an item is drawn (Yi et al. 2019)."""
    temperature: float = Field(default=1.0, gt=0)
    margin: float = Field(default=0.4, ge=-1, le=1)
    """Loss ccl: negatives below it cost nothing."""
    negative_weight: float = Field(default=1.0, gt=0)
    """Loss ccl: weight of the negatives; directau: weight of uniformity."""
    optimizer: Annotated[str, one_of(OPTIMIZERS)] = "adam"
    learning_rate: float = Field(default=0.001, gt=0)
    schedule: Annotated[str, one_of(SCHEDULES)] = "constant"
    """Of the learning rate over the epochs that are allowed."""
    warmup: float = Field(default=0.0, ge=0, lt=1)
    """Share of these epochs in which the learning rate grows from 0."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """L2 on the id embeddings of the batch, as in He et al. 2020, equation 15; adamw: of all weights, apart from the
    gradient."""
    clip: float = Field(default=0.0, ge=0)
    """Largest norm of the gradient; 0: any."""
    propagate_every: int = Field(default=1, ge=0)
    """Steps that share one propagation, where the vectors are linear in the id embeddings (operators none and lightgcn,
    combination last, mean or concat, no contrast, no dropout, head dot; recsmith/engine/train/decoupled.py); 0:
    propagate once, after training."""
    head: Literal["dot", "cosine"] = "dot"

    @model_validator(mode="after")
    def _connected(self) -> Gnn:
        if self.inputs and len(self.inputs) != len(self.operators):
            raise ValueError(f"inputs name what {len(self.inputs)} layers read, and there are {len(self.operators)}")
        for layer, sources in enumerate(self.inputs, 1):
            if not sources or sorted(set(sources)) != list(sources) or sources[-1] >= layer:
                raise ValueError(
                    f"inputs[{layer - 1}] = {list(sources)}: layer {layer} reads at least one output of an earlier "
                    f"one, each once and in order, from 0 (the id embeddings) to {layer - 1}"
                )
        read = {source for sources in self.inputs for source in sources}
        idle = set(range(1, len(self.inputs))) - read if self.combination == "last" else set()
        if idle:
            raise ValueError(f"nobody reads layer {min(idle)}: neither a later layer nor combination last")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Gnn:
        if self.heads > 1 and set(self.operators) & set(HEADED) and self.dimension % self.heads:
            raise ValueError(f"heads = {self.heads} does not divide dimension = {self.dimension}")
        if self.contrast == "xsimgcl" and (self.contrast_layer > len(self.operators) or self.combination == "concat"):
            raise ValueError(
                f"contrast xsimgcl holds the vectors against layer {self.contrast_layer}: there are "
                f"{len(self.operators)} operators, and combination {self.combination} (concat makes vectors wider)"
            )
        return self
