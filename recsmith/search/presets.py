"""Named spaces: the values that each knob may take before the parameters override them."""

from __future__ import annotations

from recsmith.config.search import Search, Space
from recsmith.errors import UserError
from recsmith.model.names import ACTIVATIONS, COMBINATIONS, LOSSES, NEGATIVES, OPERATORS, SCHEDULES

_GNN = Space(
    families=("gnn",),
    operators=("none", "lightgcn", "gcn", "sage", "gat"),
    mixed_operators=False,
    layers=(1, 2, 3, 4),
    structure=("chain",),
    dimension=(32, 64, 128),
    start=("random", "spectral"),
    activation=("identity", "relu", "leaky_relu", "elu"),
    combination=("last", "mean", "concat", "learned"),
    residual=(False,),
    target_exponent=(0.5,),
    source_exponent=(0.5,),
    heads=(1,),
    edge_dimension=(0,),
    dropout=(0.0, 0.2),
    edge_dropout=(0.0, 0.1),
    contrast=("none",),
    contrast_weight=(0.02, 0.05, 0.1),
    contrast_noise=(0.1,),
    contrast_temperature=(0.2,),
    contrast_layer=(1,),
    loss=("bpr", "sampled_softmax", "directau"),
    temperature=(0.1, 0.2, 0.5, 1.0),
    negatives=(16, 64, 256),
    sampling=("uniform",),
    popularity_exponent=(0.5, 0.75),
    hard_pool=(4, 8),
    log_q=(False, True),
    margin=(0.2, 0.4, 0.8),
    negative_weight=(0.5, 1.0, 2.0),
    optimizer=("adam",),
    learning_rate=(0.005, 0.01, 0.02),
    schedule=("constant",),
    warmup=(0.0,),
    weight_decay=(1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    clip=(0.0,),
    propagate_every=(1,),
    head=("dot",),
)
_EXPONENTS = (0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.415, 0.45, 0.5, 0.6)
"""Denser where published settings lie (.415 is ChebyCF's); a rank up to 512 costs no more than one of 256."""
_FILTERS = Space(
    families=("filter",),
    filters=("linear", "low_pass", "polynomial", "neighbours", "ridge", "mixture"),
    left_exponent=_EXPONENTS,
    right_exponent=_EXPONENTS,
    rank=(32, 64, 128, 256, 512),
    order=(2, 3, 5, 8),
    flatness=(1.0, 1.5, 2.0, 3.0, 4.0),
    mixtures=("linear", "polynomial", "ridge"),
    low_pass_weight=(0.05, 0.1, 0.2, 0.3, 0.5),
    neighbours=(20, 50, 100, 200, 400),
    shrink=(0.0, 10.0, 50.0),
    l2=(20.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0),
    recency=(0.0, 0.25, 0.5, 0.75, 1.0, 1.5),
)


def _both(gnn: Space, filters: Space) -> Space:
    values = {name: value for name, value in filters.model_dump().items() if value not in ((), None)}
    return gnn.model_copy(update={**values, "families": ("gnn", "filter")})


_SHORT = _GNN.model_copy(
    update={
        "layers": (1, 2, 3),
        "dimension": (32, 64),
        "start": ("random",),
        "combination": ("last", "mean", "concat"),
        "loss": ("bpr", "sampled_softmax"),
    }
)
_TINY = _both(
    _SHORT.model_copy(
        update={
            "operators": ("none", "lightgcn"),
            "layers": (1, 2),
            "dimension": (8,),
            "dropout": (0.0,),
            "loss": ("bpr",),
        }
    ),
    _FILTERS.model_copy(
        update={
            "filters": ("linear", "neighbours", "ridge"),
            "neighbours": (5, 20),
            "shrink": (0.0,),
            "l2": (10.0, 100.0),
        }
    ),
)
_SMALL = _both(_SHORT, _FILTERS)
_FULL = _both(
    _GNN.model_copy(
        update={
            "operators": OPERATORS,
            "structure": ("chain", "cell"),
            "dimension": (32, 64, 128, 256),
            "combination": COMBINATIONS,
            "residual": (False, True),
            "target_exponent": (0.25, 0.5, 0.75),
            "source_exponent": (0.25, 0.5, 0.75),
            "heads": (1, 2, 4),
            "edge_dimension": (0, 8),
            "dropout": (0.0, 0.1, 0.2, 0.4),
            "edge_dropout": (0.0, 0.1, 0.2),
            "contrast": ("none", "simgcl", "xsimgcl"),
            "loss": LOSSES,
            "negatives": (16, 64, 128, 256),
            "sampling": NEGATIVES,
            "schedule": SCHEDULES,
            "optimizer": ("adam", "adamw"),
            "learning_rate": (0.001, 0.002, 0.005, 0.01, 0.02),
            "head": ("dot", "cosine"),
        }
    ),
    _FILTERS,
)
_WSDM22 = _GNN.model_copy(
    update={
        "operators": ("none", "gcn", "gat", "gin", "sage", "ngcf"),
        "layers": (1, 2, 3, 4),
        "dimension": (16, 32, 64, 128),
        "start": ("random",),
        "activation": ACTIVATIONS,
        "combination": ("last", "mean", "concat"),
        "dropout": (0.0,),
        "edge_dropout": (0.0,),
        "loss": ("bpr",),
    }
)
"""What the engine has of the design space of Wang, Zhao and Shi 2022 ("Profiling the Design Space for Graph Neural
Networks based Collaborative Filtering"): message, aggregation, activation, layers and their combination, dimension.
Several components side by side, and networks in place of the dot product, are left out: the winner must serve."""
PRESETS: dict[str, Space] = {
    "small": _SMALL,
    "full": _FULL,
    "gnn": _GNN,
    "filters": _FILTERS,
    "wsdm22": _WSDM22,
    "tiny": _TINY,
}


def knobs(search: Search, where: str = "params.yaml: search") -> Space:
    """The preset of ``search`` with its overrides; UserError where a family is left without values."""
    given = {name: value for name, value in search.space.model_dump().items() if value not in ((), None)}
    # A family that the preset leaves out can be named; its other knobs then come from the full preset.
    base = PRESETS[search.preset]
    if set(given.get("families", base.families)) - set(base.families):
        base = PRESETS["small"]
    chosen = base.model_copy(update=given)
    stray = _stray(given, chosen)
    if stray:
        families = ", ".join(chosen.families)
        raise UserError(
            f"{where}.space.{stray} = {_shown(given[stray])} has no effect: the space holds {families} only. "
            f"Remove it, or change {where}.preset or {where}.space.families."
        )
    _heads_divide(chosen, where)
    return chosen


def _stray(given: dict[str, object], chosen: Space) -> str | None:
    """The first override that only a family outside the space would read."""
    ours = set().union(*(_KNOBS[family] for family in chosen.families))
    return next((name for name in sorted(given) if name != "families" and name not in ours), None)


def _heads_divide(chosen: Space, where: str) -> None:
    pairs = [(heads, dimension) for heads in chosen.heads for dimension in chosen.dimension]
    if odd := next(((heads, dimension) for heads, dimension in pairs if dimension % heads), None):
        raise UserError(
            f"{where}.space.heads = {list(chosen.heads)}: {odd[0]} does not divide {odd[1]}, which is one of "
            f"{where}.space.dimension. Take numbers that divide all of them."
        )


def _names(space: Space) -> set[str]:
    return {name for name, value in space.model_dump().items() if value not in ((), None)} - {"families"}


def _shown(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


_KNOBS = {"gnn": _names(_GNN), "filter": _names(_FILTERS)}
