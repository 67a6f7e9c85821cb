"""Section ``search``: which architectures are tried, by whom, for how long."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from recsmith.config.base import Section, one_of
from recsmith.config.nodes import Node
from recsmith.model.names import (
    ACTIVATIONS,
    COMBINATIONS,
    CONTRASTS,
    FILTERS,
    LOSSES,
    NEGATIVES,
    OPERATORS,
    OPTIMIZERS,
    SCHEDULES,
    STARTS,
    check_metric,
)

EARLIER = "data/earlier/runs.json"
"""Where ``recsmith fetch`` brings what the searches of ``warm_start`` left; outside the line, which reads it."""
RESULTS = "data/search"
"""Where a search's results lie in a project."""
TUNERS = ("random", "grid", "tpe", "evolution", "hyperband", "bohb", "reinforce", "ppo", "pso")
IN_PROCESS = ("regularized_evolution", "policy", "enas", "darts", "gumbel_darts", "one_shot_random")
STRATEGIES = (*TUNERS, *IN_PROCESS)
Layers = Annotated[int, Field(ge=1, le=8)]
Positive = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Power = Annotated[float, Field(ge=0, le=1)]
Exponent = Annotated[float, Field(ge=-1, le=1)]
Fading = Annotated[float, Field(ge=0, le=4)]


class Space(Section):
    """Overrides of a preset: each knob's allowed values; empty keeps the preset's.

    A knob is chosen only where something reads it; what each means is said in ``recsmith.model``.
    """

    families: tuple[Literal["gnn", "filter"], ...] = ()
    operators: tuple[Annotated[str, one_of(OPERATORS)], ...] = ()
    mixed_operators: bool | None = None
    """true: every layer chooses its own operator; false: all layers share one."""
    layers: tuple[Layers, ...] = ()
    structure: tuple[Literal["chain", "cell"], ...] = ()
    """cell: each layer after the first chooses which one or two of the earlier outputs it reads."""
    dimension: tuple[Positive, ...] = ()
    start: tuple[Annotated[str, one_of(STARTS)], ...] = ()
    activation: tuple[Annotated[str, one_of(ACTIVATIONS)], ...] = ()
    """Chosen only where an operator other than none and lightgcn takes part."""
    combination: tuple[Annotated[str, one_of(COMBINATIONS)], ...] = ()
    residual: tuple[bool, ...] = ()
    target_exponent: tuple[Power, ...] = ()
    """Both exponents: of lightgcn, gcn and ngcf."""
    source_exponent: tuple[Power, ...] = ()
    heads: tuple[Positive, ...] = ()
    """Of gat and transformer."""
    edge_dimension: tuple[Whole, ...] = ()
    """Of sage, gat, gin and transformer."""
    dropout: tuple[Share, ...] = ()
    edge_dropout: tuple[Share, ...] = ()
    contrast: tuple[Annotated[str, one_of(CONTRASTS)], ...] = ()
    contrast_weight: tuple[Decay, ...] = ()
    """This and the next: of simgcl and xsimgcl."""
    contrast_noise: tuple[Decay, ...] = ()
    contrast_temperature: tuple[Rate, ...] = ()
    contrast_layer: tuple[Layers, ...] = ()
    """Of xsimgcl; at most the number of layers."""
    loss: tuple[Annotated[str, one_of(LOSSES)], ...] = ()
    temperature: tuple[Rate, ...] = ()
    """Chosen only with sampled_softmax and in_batch_softmax."""
    negatives: tuple[Positive, ...] = ()
    """Sampled items for each interaction; chosen only with sampled_softmax, bce and ccl."""
    sampling: tuple[Annotated[str, one_of(NEGATIVES)], ...] = ()
    """Not chosen with in_batch_softmax and directau, which sample nothing."""
    popularity_exponent: tuple[Power, ...] = ()
    """Of sampling popularity."""
    hard_pool: tuple[Positive, ...] = ()
    """Of sampling hard."""
    log_q: tuple[bool, ...] = ()
    """Of the softmax losses, where items are not drawn uniformly."""
    margin: tuple[Exponent, ...] = ()
    """Of ccl."""
    negative_weight: tuple[Rate, ...] = ()
    """Of ccl and directau."""
    optimizer: tuple[Annotated[str, one_of(OPTIMIZERS)], ...] = ()
    learning_rate: tuple[Rate, ...] = ()
    schedule: tuple[Annotated[str, one_of(SCHEDULES)], ...] = ()
    warmup: tuple[Share, ...] = ()
    weight_decay: tuple[Decay, ...] = ()
    clip: tuple[Decay, ...] = ()
    propagate_every: tuple[Whole, ...] = ()
    """Of lightgcn."""
    head: tuple[Literal["dot", "cosine"], ...] = ()
    filters: tuple[Annotated[str, one_of(FILTERS)], ...] = ()
    left_exponent: tuple[Exponent, ...] = ()
    """Both exponents: of linear, low_pass, polynomial and mixture, whose parts share them."""
    right_exponent: tuple[Exponent, ...] = ()
    rank: tuple[Positive, ...] = ()
    """Of low_pass, alone and in a mixture."""
    order: tuple[Positive, ...] = ()
    """Of polynomial, as the next."""
    flatness: tuple[Rate, ...] = ()
    mixtures: tuple[Literal["linear", "polynomial", "ridge"], ...] = ()
    """Main parts of a mixture, to which a low_pass is added."""
    low_pass_weight: tuple[Rate, ...] = ()
    """Of the low_pass in a mixture; the main part weighs 1."""
    neighbours: tuple[Positive, ...] = ()
    shrink: tuple[Decay, ...] = ()
    l2: tuple[Rate, ...] = ()
    """Of ridge, alone and in a mixture."""
    recency: tuple[Fading, ...] = ()
    """Of all filters."""


class Rungs(Section):
    """Shares of the budget at which candidates are compared before they get more of it (successive halving)."""

    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Ascending; the whole budget is the last rung. Empty: every candidate gets it at once."""
    cuts: Literal["epochs", "edges"] = "epochs"
    """What the shares are of."""
    keep: int = Field(default=3, ge=2)
    """One of so many goes on to the next rung (Li et al. 2020, eta)."""

    @field_validator("shares")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(low >= high for low, high in pairwise(value)):
            raise ValueError(f"{list(value)} do not ascend")
        return value


RULES = ("best", "smallest_within", "fastest_within")


class Choice(Section):
    """Who is crowned; also written ``best``, ``smallest_within: 0.01`` or ``{fastest_within: 0.01}``."""

    rule: Annotated[str, one_of(RULES)] = "best"
    """best on valid; or, of those within a share of it, the one that serves in the fewest bytes or multiply-adds."""
    within: float = Field(default=0.01, ge=0, lt=1)
    """That share of the best value; not read by ``best``."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """The long form of a short one; what is neither is left to the fields' checks."""
        if isinstance(value, str):
            rule, colon, within = (part.strip() for part in value.partition(":"))
            return {"rule": rule, "within": within} if colon else {"rule": rule}
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in RULES:
            rule, within = next(iter(value.items()))
            return {"rule": rule, "within": within}
        return value


class Limits(Section):
    """What a candidate may weigh and cost where it serves, in float32; estimated before it is trained. null: any."""

    bytes: int | None = Field(default=None, ge=1)
    """Of the model's tensors; people's vectors are apart."""
    cost: int | None = Field(default=None, ge=1)
    """Multiply-adds of one recommendation."""
    latency_ms: float | None = Field(default=None, gt=0)
    """The cost at this machine's speed: the result then depends on the machine."""


class Search(Section):
    """Preset, strategy, budget and the metric that crowns."""

    preset: Literal["small", "full", "gnn", "filters", "wsdm22", "tiny"] = "small"
    """small: both families, for a laptop; full: every operator, cells too; gnn: no filters; filters: nothing is
    trained; wsdm22: the design space of Wang et al. 2022; tiny: seconds, for trying."""
    strategy: Annotated[str, one_of(STRATEGIES)] = "tpe"
    """Who proposes; ``recsmith.search.strategies`` says what each is."""
    trials: int = Field(default=12, ge=1)
    published: int = Field(default=4, ge=0)
    """So many settings of papers that the space holds are tried first, by strategies that propose one candidate after
    the other; 0: the strategy begins at once."""
    warm_start: tuple[str, ...] = ()
    """Folders of finished searches on other data (``data/search``, or the project that holds it): the best settings of
    the data sets that are most like this one are tried before the published ones."""
    inherit: bool = False
    """Networks begin from the weights of the nearest finished trial; the best are then trained from scratch."""
    refine: float = Field(default=0.0, ge=0, lt=1)
    """After this share of the trials the space is narrowed to what did well; 0: never."""
    total_epochs: int | None = Field(default=None, ge=1)
    """No trial begins once all together were trained for so many epochs."""
    seconds: float | None = Field(default=None, gt=0)
    """No trial begins after so long; what is found then depends on the machine (``reproducible: false``)."""
    concurrency: int = Field(default=1, ge=1)
    """Trials at a time; results repeat exactly only with 1."""
    metric: str = "ndcg@20"
    """Maximised on valid; any of precision, recall, f1, hit_rate, mrr, map, ndcg at any cut-off."""
    limits: Limits = Limits()
    rungs: Rungs = Rungs()
    space: Space = Space()
    valid_users: int = Field(default=3000, ge=1)
    """Filters are measured on at most so many valid users, drawn by the seed."""
    rescore: int = Field(default=5, ge=1)
    """The best so many filters of these are measured on all valid users, and only then one is crowned."""
    blend: int = Field(default=2, ge=1)
    """The best so many candidates at most are added up, where valid gains by it; 1: none are."""
    seeds: int = Field(default=1, ge=1)
    """The best ``finalists`` that are trained are fitted with so many seeds, and crowned by their mean."""
    folds: int = Field(default=1, ge=1)
    """Finalists, filters among them, are measured on so many drawn splits of train and valid; 1: on valid."""
    finalists: int = Field(default=3, ge=1)
    choose: Choice = Choice()
    max_epochs: int = Field(default=30, ge=1)
    patience: int = Field(default=3, ge=1)
    evaluate_every: int = Field(default=2, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    """Interactions a step; None: by the data (``recsmith.search.batch``)."""
    trial_seconds: int = Field(default=900, ge=1)
    """A trial that takes longer is ended and counted as failed."""
    nodes: tuple[Node, ...] = ()
    """Machines that trials run on; empty: this one."""
    same_torch: bool = False
    """Whether a node with another torch than this machine's is refused."""
    track_trials: bool = True
    """Whether each trial becomes a W&B run of its own, beside the stage's."""
    port: int = Field(default=8080, ge=1024, le=65535)
    """Of NNI's service and web page; where it is busy, the next free one of twenty."""

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        return check_metric(value)
