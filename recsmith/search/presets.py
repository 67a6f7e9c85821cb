"""Named spaces: the values that each knob may take before the parameters override them."""

from __future__ import annotations

from recsmith.config.search import Search, Space
from recsmith.errors import UserError

_GNN = Space(
    families=("gnn",),
    operators=("none", "lightgcn", "gcn", "sage", "gat"),
    mixed_operators=False,
    layers=(1, 2, 3, 4),
    dimension=(32, 64, 128),
    activation=("identity", "relu", "leaky_relu", "elu"),
    combination=("last", "mean", "concat"),
    dropout=(0.0, 0.2),
    loss=("bpr", "sampled_softmax"),
    temperature=(0.2, 0.5, 1.0),
    negatives=(16, 64),
    learning_rate=(0.005, 0.01, 0.02),
    weight_decay=(1e-4, 1e-3, 1e-2),
)
_FILTERS = Space(
    families=("filter",),
    filters=("linear", "neighbours", "ridge"),
    left_exponent=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    right_exponent=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    neighbours=(20, 50, 100, 200, 400),
    shrink=(0.0, 10.0, 50.0),
    l2=(20.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0),
)


def _both(gnn: Space, filters: Space) -> Space:
    values = {name: value for name, value in filters.model_dump().items() if value not in ((), None)}
    return gnn.model_copy(update={**values, "families": ("gnn", "filter")})


_TINY = _both(
    _GNN.model_copy(
        update={
            "operators": ("none", "lightgcn"),
            "layers": (1, 2),
            "dimension": (8,),
            "dropout": (0.0,),
            "loss": ("bpr",),
        }
    ),
    _FILTERS.model_copy(update={"neighbours": (5, 20), "shrink": (0.0,), "l2": (10.0, 100.0)}),
)
_SMALL = _both(_GNN.model_copy(update={"layers": (1, 2, 3), "dimension": (32, 64)}), _FILTERS)
PRESETS: dict[str, Space] = {"small": _SMALL, "gnn": _GNN, "filters": _FILTERS, "tiny": _TINY}


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
    return chosen


def _stray(given: dict[str, object], chosen: Space) -> str | None:
    """The first override that only a family outside the space would read."""
    ours = set().union(*(_KNOBS[family] for family in chosen.families))
    return next((name for name in sorted(given) if name != "families" and name not in ours), None)


def _names(space: Space) -> set[str]:
    return {name for name, value in space.model_dump().items() if value not in ((), None)} - {"families"}


def _shown(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


_KNOBS = {"gnn": _names(_GNN), "filter": _names(_FILTERS)}
