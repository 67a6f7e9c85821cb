"""All recipes that the parameters allow, as a tree of choices (``recsmith.search.tree``): a branch for each form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recsmith.compress.contract import Knobs
from recsmith.compress.methods import IN_BLOCKS, Recipe
from recsmith.config.compress import Compress
from recsmith.search.tree import Tree, choice, flat, knobs_of, proposals
from recsmith.serving.model import ServingModel


def tree(params: Compress, exported: Mapping[str, ServingModel]) -> Tree:
    """NNI's search space; a knob stands below the forms, shares and precisions that read it."""
    return {"form": choice([{"_name": name, **_below_form(params, model)} for name, model in exported.items()])}


def recipe_of(params: Compress, proposal: Mapping[str, Any]) -> Recipe:
    """The recipe that a proposal of :func:`tree` stands for."""
    values = flat(knobs_of(dict(proposal)))
    form, epochs = values.pop("form"), values.pop("epochs", 0)
    tune = params.tune.model_copy(update={"epochs": epochs})
    sparsity = float(values.pop("sparsity"))
    # What is not proposed is not read: models with entries are not tuned, and no pruner of columns asked.
    base = Knobs(
        bytes_a_row=params.bytes_a_row,
        pruner="SVD",
        prune=params.prune,
        tune=tune,
        quantiser=params.quantiser,
        rerank=params.rerank,
        refit=params.refit,
    )
    return Recipe(replace(base, sparsity=sparsity, **values), form)


def recipes(params: Compress, exported: Mapping[str, ServingModel]) -> list[Recipe]:
    """Every recipe of the space, in the order of a grid."""
    return [recipe_of(params, proposal) for proposal in proposals(tree(params, exported))]


def _below_form(params: Compress, model: ServingModel) -> Tree:
    shares, blocks = sorted(set(params.sparsity)), model.item_vectors is not None
    stored = {"precision": choice([_stored(params, name, blocks) for name in _precisions(params, blocks)])}
    if model.sparse is not None:
        return {"sparsity": choice([{"_name": repr(share)} for share in shares]), **stored}
    pruner = {"pruner": choice(params.search.pruner or (params.pruner,))}
    return {
        "sparsity": choice([{"_name": repr(share), **(pruner if share else {})} for share in shares]),
        **stored,
        "epochs": choice(params.search.epochs or (params.tune.epochs,)),
    }


def _precisions(params: Compress, vectors: bool) -> list[str]:
    """Those that differ: below 16 bits entries without vectors are stored alike, int8 or whatever stands first."""
    asked = list(dict.fromkeys(params.precision))
    alike = [] if vectors else [name for name in asked if name not in ("float32", "float16")]
    kept = "int8" if "int8" in alike else next(iter(alike), None)
    return [name for name in asked if name not in alike or name == kept]


def _stored(params: Compress, precision: str, blocks: bool) -> dict[str, Any]:
    search = params.search
    if precision == "product":
        return {"_name": precision, "bytes_a_row": choice(search.bytes_a_row or (params.bytes_a_row,))}
    if precision in IN_BLOCKS and blocks:
        return {"_name": precision, "block": choice(search.block or (params.block,))}
    return {"_name": precision}
