"""A fitted candidate in a folder: vectors as safetensors, filters as their knobs alone."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.engine.vectors import vectors
from recsmith.errors import UserError
from recsmith.files import read_json, replacing, write_json
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter, architecture
from recsmith.model.contract import VectorModel

META = "model.json"
TENSORS = "model.safetensors"


def save_model(fitted: Fitted, folder: Path | str) -> None:
    """Write ``fitted`` to ``folder``, which is replaced as a whole."""
    meta = {"architecture": fitted.architecture.model_dump(mode="json"), "epochs": fitted.epochs}
    with replacing(folder) as aside:
        aside.mkdir()
        if isinstance(fitted.model, VectorModel):
            save_file(_tables(fitted.model), aside / TENSORS)
        write_json(aside / META, meta)


def _tables(model: VectorModel) -> dict[str, torch.Tensor]:
    tables = {"user_vectors": model.user_vectors, "item_vectors": model.item_vectors}
    return {name: table.detach().float().cpu().contiguous() for name, table in tables.items()}


def load_model(folder: Path | str, graph: Graph, settings: FitSettings | None = None) -> Fitted:
    """Read what :func:`save_model` wrote; ``graph`` is the one that the model was fitted on.

    A filter is fitted again, with ``settings`` (device, threads, memory). UserError where a file is missing or damaged,
    or belongs to a graph of another size.
    """
    meta = read_json(Path(folder) / META)
    try:
        candidate, epochs = architecture(meta["architecture"], f"{Path(folder) / META}: architecture"), meta["epochs"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{Path(folder) / META} describes no model: {error} is missing.") from error
    if isinstance(candidate, Filter):
        return fit(candidate, graph, settings or FitSettings())
    tables = _read(Path(folder) / TENSORS, graph)
    return Fitted(vectors(tables["user_vectors"], tables["item_vectors"], graph), candidate, epochs)


def _read(path: Path, graph: Graph) -> dict[str, torch.Tensor]:
    try:
        tables = load_file(path)
        sizes = len(tables["user_vectors"]), len(tables["item_vectors"])
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(f"{path} holds no vectors that can be read: {error}.") from error
    if sizes != (graph.n_users, graph.n_items):
        raise UserError(
            f"{path} holds {sizes[0]:,} users and {sizes[1]:,} items, the graph has {graph.n_users:,} and "
            f"{graph.n_items:,}: the model was fitted on another graph."
        )
    return tables
