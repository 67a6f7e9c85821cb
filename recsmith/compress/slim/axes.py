"""Which axis of each weight of a network stands for what, so that a channel goes everywhere at once.

An axis is a letter: ``C`` channels that the weight makes, ``c`` channels that it reads, ``G`` the channels of three
gates one after the other, ``A`` channels cut into heads (two axes), ``H`` hidden units that are made, ``h`` that are
read, ``-`` anything else.
"""

from __future__ import annotations

import re

from recsmith.errors import UserError
from recsmith.model.gnn import Gnn

CHANNELS = "channels"
PATTERNS = (
    ("embeddings", "-C"),
    (r"operators\.\d+\.eps|combination\.logits|.*\.edges\.table", ""),
    (r".*\.edges\.linear\.weight", "C-"),
    (r".*\.(att_src|att_dst|attention)", "-A"),
    (r".*\.mlp\.0\.weight|combination\.hidden\.weight", "Hc"),
    (r".*\.mlp\.0\.bias|combination\.hidden\.bias", "H"),
    (r".*\.mlp\.2\.weight", "Ch"),
    (r"combination\.query\.weight", "-h"),
    (r"combination\.cell\.weight_(ih|hh)", "Gc"),
    (r"combination\.cell\.bias_(ih|hh)", "G"),
    (r"operators\..*\.weight", "Cc"),
    (r"operators\..*\.bias", "C"),
)
FIXED = ("conv1d",)
"""Operators whose channels have neighbours, so that none can go from the middle."""


def axes(name: str) -> str:
    """The letters of a parameter of ``Network`` by its name."""
    for pattern, letters in PATTERNS:
        if re.fullmatch(pattern, name):
            return letters
    raise UserError(
        f"The weight {name} of a network is unknown to pruning (recsmith/compress/slim/axes.py). Leave slim out of "
        "params.yaml: compress.forms."
    )


def hidden(name: str) -> str:
    """The block whose hidden units a parameter makes or reads: ``operators.0.mlp``, ``combination``."""
    return "combination" if name.startswith("combination.") else name[: name.index(".mlp.") + 4]


def check(architecture: Gnn) -> None:
    """UserError where channels cannot go."""
    fixed = sorted(set(architecture.operators) & set(FIXED))
    if fixed:
        raise UserError(
            f"Operator {fixed[0]} mixes neighbouring channels; a network with it cannot lose any. Leave slim out of "
            "params.yaml: compress.forms, or the operator out of search.space.operators."
        )
