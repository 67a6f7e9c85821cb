from pathlib import Path

import numpy as np
import pytest
from planted_models import GIVEN, N_ITEMS, N_USERS, RANK, filter_model, graph, vector_model

from recsmith.compress import pack
from recsmith.compress.export import export
from recsmith.compress.space import recipes
from recsmith.config.compress import Compress, Export
from recsmith.serving.bundle import load
from recsmith.serving.model import top_k

ALL = Compress(precision=("float16", "int8", "int4", "int2", "int1", "product"), sparsity=(0.0, 0.5), bytes_a_row=4)


@pytest.mark.parametrize("family", ["gnn", "filter"])
def test_a_bundle_of_every_recipe_recommends_what_its_model_does(family: str, tmp_path: Path) -> None:
    exact = vector_model() if family == "gnn" else filter_model(1.0)
    forms = export(exact, graph(), Export(rank=RANK, top_k=12), 7, 100)
    people = pack.People([f"u{n}" for n in range(N_USERS)], GIVEN.histories)
    for recipe in recipes(ALL, forms):
        small = recipe.apply(forms, GIVEN)
        pack.write(tmp_path / "bundle", small, [f"i{n}" for n in range(N_ITEMS)], people, {"recipe": recipe.name})
        found = load(tmp_path / "bundle").recommend(None, 5).items
        assert np.array_equal(found, top_k(small, GIVEN.histories, 5)[0]), recipe.name
