"""The guide is true: its example is an operator."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.graph.graph import from_edges
from recsmith.operators.contract import Knobs, Operator

GUIDE = Path(__file__).resolve().parents[2] / "docs/add-an-operator.md"


def test_the_example_of_the_guide_works_as_it_says() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    names: dict[str, object] = {"__name__": "guide"}
    exec(compile(found.group(1), str(GUIDE), "exec"), names)
    example = names["Mean"]
    assert isinstance(example, type)
    assert issubclass(example, Operator)
    graph = Adjacency(from_edges(np.array([0, 0, 1]), np.array([0, 1, 1]), 3, 2))
    out = example(Knobs(2))(torch.arange(10.0).view(5, 2), graph)
    assert out.tolist() == [[7, 8], [8, 9], [0, 0], [0, 1], [1, 2]]


def test_every_form_that_the_guide_names_exists() -> None:
    for form in re.findall(r"`adjacency\.(\w+)", GUIDE.read_text(encoding="utf-8")):
        assert hasattr(Adjacency, form)
