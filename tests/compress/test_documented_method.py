import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_models import ALL, GIVEN, served

from recsmith.serving.model import top_k

PAGE = Path(__file__).parents[2] / "docs" / "add-a-compression-method.md"


@pytest.mark.parametrize("family", ["gnn", "filter"])
def test_the_method_that_the_documentation_shows_keeps_the_contract(family: str) -> None:
    source = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    room: dict[str, Any] = {}
    exec(compile(source, str(PAGE), "exec"), room)
    model, people = served(family)
    small, again = room["compress"](model, GIVEN, ALL), room["compress"](model, GIVEN, ALL)
    assert small.model_bytes < model.model_bytes
    assert np.array_equal(small.scores(people), again.scores(people))
    assert (top_k(small, people, 5)[0] >= 0).all()
