"""The choices of the network family, and the way back from a proposal to a network.

What an operator, a loss or a way of sampling does not read is not chosen with it, so that few proposals mean the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from recsmith.config.base import parse
from recsmith.config.search import Space
from recsmith.model import cell
from recsmith.model.architecture import Gnn
from recsmith.model.names import EDGE_READERS, HEADED, LINEAR_OPERATORS, OPERATORS
from recsmith.search.tree import Tree, choice

WEIGHTED = tuple(name for name in OPERATORS if name not in LINEAR_OPERATORS)
NORMALISED = ("lightgcn", "gcn", "ngcf")
READERS: dict[str, tuple[str, ...]] = {
    "activation": WEIGHTED,
    "heads": HEADED,
    "edge_dimension": EDGE_READERS,
    "target_exponent": NORMALISED,
    "source_exponent": NORMALISED,
}
"""Knob -> the operators that read it."""
MESSAGES = ("residual", "dropout", "edge_dropout")
"""Read wherever vectors are passed on at all."""
CONTRAST = ("contrast_weight", "contrast_noise", "contrast_temperature")
TRAINING = ("dimension", "start", "head", "learning_rate", "weight_decay", "clip", "optimizer")
OF_LOSS: dict[str, tuple[str, ...]] = {
    "sampled_softmax": ("temperature", "negatives"),
    "in_batch_softmax": ("temperature", "log_q"),
    "bce": ("negatives",),
    "ccl": ("negatives", "margin", "negative_weight"),
    "directau": ("negative_weight",),
}
UNSAMPLED = ("in_batch_softmax", "directau")
"""Losses that draw no negatives."""
OF_SAMPLING: dict[str, tuple[str, ...]] = {"popularity": ("popularity_exponent",), "hard": ("hard_pool",)}
UNEVEN = ("popularity", "in_batch")
"""Ways of sampling that log_q corrects."""


def gnn_tree(space: Space) -> Tree:
    """All choices of a network."""
    return {
        **(_mixed(space) if space.mixed_operators else _uniform(space)),
        **_choices(TRAINING, space),
        "loss": choice([{"_name": name, **_of_loss(name, space)} for name in space.loss]),
        "schedule": choice([{"_name": name, **_of_schedule(name, space)} for name in space.schedule]),
    }


def _uniform(space: Space) -> Tree:
    """One operator for all layers."""
    return {"operator": choice([{"_name": name, **_of_operator(name, space)} for name in space.operators])}


def _of_operator(name: str, space: Space) -> Tree:
    if name == "none":
        return {}
    return {"layers": _depths(space, {}), **_between({name}, space)}


def _mixed(space: Space) -> Tree:
    """An operator for each layer."""
    operator = choice(space.operators)
    own = {depth: {f"operator_{layer}": operator for layer in range(1, depth + 1)} for depth in space.layers}
    return {"layers": _depths(space, own), **_between(set(space.operators), space)}


def _depths(space: Space, own: dict[int, Tree]) -> dict[str, Any]:
    """The number of layers, with what is chosen for each number: ``own`` and how the layers are connected."""
    cells = "cell" in space.structure
    if not own and not cells:
        return choice(space.layers)
    wired = {depth: _connections(depth, space) if cells else {} for depth in space.layers}
    return choice([{"_name": str(depth), **own.get(depth, {}), **wired[depth]} for depth in space.layers])


def _connections(depth: int, space: Space) -> Tree:
    """A chain, or what each layer after the first reads; one layer has nothing to choose."""
    if depth == 1:
        return {}
    inputs = {f"inputs_{layer}": choice(cell.choices(layer)) for layer in range(2, depth + 1)}
    return {"structure": choice([{"_name": name, **(inputs if name == "cell" else {})} for name in space.structure])}


def _between(operators: set[str], space: Space) -> Tree:
    """What layers of these operators read."""
    linear = ("propagate_every",) if operators <= set(LINEAR_OPERATORS) else ()
    names = (*MESSAGES, *_read(operators), *linear)
    combinations = [{"_name": name, "contrast": choice(_contrasts(name, space))} for name in space.combination]
    return {**_choices(names, space), "combination": choice(combinations)}


def _read(operators: Collection[str]) -> list[str]:
    return [knob for knob, readers in READERS.items() if not set(readers).isdisjoint(operators)]


def _contrasts(combination: str, space: Space) -> list[dict[str, Any]]:
    """The second objectives that go with a combination; xsimgcl compares vectors that concat makes wider."""
    allowed = [name for name in space.contrast if (combination, name) != ("concat", "xsimgcl")]
    return [{"_name": name, **_of_contrast(name, space)} for name in allowed or ["none"]]


def _of_contrast(name: str, space: Space) -> Tree:
    names = {"none": (), "simgcl": CONTRAST, "xsimgcl": (*CONTRAST, "contrast_layer")}[name]
    return _choices(names, space)


def _of_loss(name: str, space: Space) -> Tree:
    own = _choices(OF_LOSS.get(name, ()), space)
    if name in UNSAMPLED:
        return own
    ways = [{"_name": way, **_of_sampling(way, name, space)} for way in space.sampling]
    return {**own, "sampling": choice(ways)}


def _of_sampling(way: str, loss: str, space: Space) -> Tree:
    corrected = ("log_q",) if loss == "sampled_softmax" and way in UNEVEN else ()
    return _choices((*OF_SAMPLING.get(way, ()), *corrected), space)


def _of_schedule(name: str, space: Space) -> Tree:
    return {} if name == "constant" else _choices(("warmup",), space)


def _choices(names: Collection[str], space: Space) -> Tree:
    return {name: choice(getattr(space, name)) for name in names}


def to_gnn(values: dict[str, Any]) -> Gnn:
    """The network that the flat values of a proposal stand for; what none of its operators reads is left out."""
    depth = int(values.pop("layers", 0))
    shared = values.pop("operator", None)
    operators = [values.pop(f"operator_{layer}", shared) for layer in range(1, depth + 1)]
    operators, inputs = _connected(operators, values)
    depth = len(operators)
    unread = set(READERS) - set(_read(operators))
    if set(operators) <= {"none"}:
        # Mixed layers that all pass on nothing: noise on nothing has nothing to agree on.
        unread |= {name for name in values if name.startswith("contrast")}
    if not _linear(values):
        unread.add("propagate_every")
    if "contrast_layer" in values:
        values["contrast_layer"] = min(values["contrast_layer"], max(depth, 1))
    values = {name: value for name, value in values.items() if name not in unread}
    return parse({**values, "operators": operators, "inputs": inputs}, Gnn, "proposal")


def _connected(operators: list[str], values: dict[str, Any]) -> tuple[list[str], cell.Inputs]:
    """The layers that somebody reads, and what each of these reads; the choices are taken out of ``values``."""
    chosen = [values.pop(f"inputs_{layer}", "0") for layer in range(1, len(operators) + 1)]
    if values.pop("structure", "chain") == "chain":
        return operators, ()
    return cell.plain(operators, tuple(cell.read(choice) for choice in chosen), values["combination"])


def _linear(values: dict[str, Any]) -> bool:
    """Whether, beside linear operators, nothing keeps the vectors from being linear in the id embeddings."""
    plain = values.get("contrast", "none") == "none" and not values.get("dropout") and values["head"] == "dot"
    return plain and values.get("combination") in ("last", "mean", "concat")


def names_read(operators: Collection[str], values: Mapping[str, Any]) -> list[str]:
    """The knobs of ``Gnn`` beside its layers that a network with these operators reads, given its other ``values``."""
    loss, sampling, contrast = values["loss"], values["sampling"], values["contrast"]
    names = [*TRAINING, "loss", *OF_LOSS.get(loss, ()), "schedule"]
    names += [] if values["schedule"] == "constant" else ["warmup"]
    if loss not in UNSAMPLED:
        names += ["sampling", *OF_SAMPLING.get(sampling, ())]
        names += ["log_q"] if loss == "sampled_softmax" and sampling in UNEVEN else []
    if set(operators) <= {"none"}:
        return names
    names += [*MESSAGES, *_read(operators), "combination", "contrast"]
    names += ["propagate_every"] if set(operators) <= set(LINEAR_OPERATORS) else []
    names += [] if contrast == "none" else CONTRAST
    return [*names, "contrast_layer"] if contrast == "xsimgcl" else names


def expresses(candidate: Gnn, space: Space) -> bool:
    """Whether a network's operators, depth and size are among the choices."""
    operators, depth = set(candidate.operators) or {"none"}, len(candidate.operators)
    return (
        operators <= set(space.operators)
        and (bool(space.mixed_operators) or len(operators) == 1)
        and (
            operators == {"none"} or depth in space.layers or ("cell" in space.structure and depth < max(space.layers))
        )
        and candidate.dimension <= max(space.dimension)
        and (not candidate.inputs or _is_cell(candidate, space))
    )


def _is_cell(candidate: Gnn, space: Space) -> bool:
    """Whether a search could have drawn it; a layer that nobody reads is left out, so that it may have fewer."""
    return "cell" in space.structure and all(len(sources) <= cell.WIDEST for sources in candidate.inputs)
