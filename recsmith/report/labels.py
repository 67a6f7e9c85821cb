"""What models, architectures and data sets are called on the page."""

from __future__ import annotations

from typing import Any

MODELS = {
    "full": "Winner, exact",
    "bundle": "Winner, bundle",
    "popularity": "Popularity",
    "item_knn": "Item-kNN",
    "ease": "EASE",
    "als": "ALS",
    "lightgcn": "LightGCN",
}
METRICS = {
    "ndcg": "NDCG",
    "recall": "Recall",
    "precision": "Precision",
    "f1": "F1",
    "hit_rate": "Hit rate",
    "mrr": "MRR",
    "map": "MAP",
}
OPERATORS = {
    "lightgcn": "LightGCN",
    "gcn": "GCN",
    "sage": "GraphSAGE",
    "gat": "GAT",
    "gin": "GIN",
    "ngcf": "NGCF",
    "transformer": "Transformer",
    "rgcn": "R-GCN",
    "conv1d": "1-D convolution",
    "none": "no propagation",
}
FILTERS = {
    "linear": "a linear item filter",
    "neighbours": "an item-kNN filter",
    "ridge": "a ridge item filter (EASE)",
    "low_pass": "an ideal low-pass item filter",
    "polynomial": "a polynomial item filter",
    "mixture": "a mixture of item filters",
}
_EXPONENTS = ("left_exponent", "right_exponent")
FILTER_KNOBS = {
    "linear": _EXPONENTS,
    "low_pass": (*_EXPONENTS, "rank"),
    "polynomial": (*_EXPONENTS, "order", "flatness"),
    "neighbours": ("neighbours", "shrink"),
    "ridge": ("l2",),
    "mixture": ("parts", "weights"),
}
SOURCES = {
    "ml-latest-small": "MovieLens latest-small",
    "demo": "the built-in demo",
    "files": "your files",
    "sql": "a query",
    "events": "the event log",
}
METHODS = {
    "per_user_temporal": "each user's latest interactions",
    "global_temporal": "everything after one moment",
    "leave_one_out": "each user's last interaction",
    "random": "a seeded random share",
    "given": "the source's own test",
}


def model(name: str) -> str:
    """A model's name on the page."""
    return MODELS.get(name, name)


def metric(name: str) -> str:
    """``ndcg@20`` as ``NDCG@20``."""
    base, at, cutoff = name.partition("@")
    return f"{METRICS.get(base, base)}{at}{cutoff}"


def architecture(value: dict[str, Any]) -> str:
    """An architecture in a few words, with its article: ``a two-layer LightGCN network``."""
    if value.get("family") == "blend":
        return "a blend of " + " and ".join(architecture(part) for part in value.get("parts", ()))
    if value.get("family") == "filter":
        kind = FILTERS.get(str(value.get("kind")), "an item filter")
        return f"{kind} on fading histories" if value.get("recency") else kind
    layers = [name for name in value.get("operators", ()) if name != "none"]
    if not layers:
        return "matrix factorisation"
    kinds = " + ".join(dict.fromkeys(OPERATORS.get(str(name), str(name)) for name in layers))
    return f"a {_number(len(layers))}-layer {kinds} network"


def family(name: str) -> str:
    """A family's name on the page."""
    return {"gnn": "graph network", "filter": "item filter", "blend": "blend"}.get(name, name)


def knobs(value: dict[str, Any]) -> dict[str, Any]:
    """The knobs of an architecture that matter for its family."""
    if value.get("family") == "blend":
        parts = enumerate(zip(value["parts"], value["weights"], strict=True), start=1)
        return {f"part {number}, weight {weight:g}": architecture(part) for number, (part, weight) in parts}
    if value.get("family") != "filter":
        return {name: knob for name, knob in value.items() if name != "family"}
    read = ("kind", "recency", *FILTER_KNOBS.get(str(value.get("kind")), ()))
    return {name: value[name] for name in read if name in value}


def source(value: dict[str, Any]) -> str:
    """The data set's name on the page."""
    name = str(value.get("name", "the data"))
    return str(value.get("title") or SOURCES.get(name, name))


def _number(value: int) -> str:
    return ("zero", "one", "two", "three", "four", "five", "six")[value] if value < 7 else str(value)
