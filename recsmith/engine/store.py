"""A fitted candidate in a folder: vectors as safetensors, filters as their knobs alone, parts of a blend below it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from recsmith.engine.blend import BlendModel
from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.engine.vectors import popularity, vectors
from recsmith.errors import UserError
from recsmith.files import read_json, replacing, write_json
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Architecture, Blend, Filter, Gnn, architecture
from recsmith.model.contract import VectorModel

META = "model.json"
TENSORS = "model.safetensors"
LEARNT = "learnt.safetensors"
"""What a network learnt, which a later one may start from."""


def save_model(fitted: Fitted, folder: Path | str, graph: Graph) -> None:
    """Write ``fitted`` to ``folder``, which is replaced as a whole; ``graph`` is the one that it was fitted on."""
    with replacing(folder) as aside:
        _save(fitted, aside, graph)


def _save(fitted: Fitted, folder: Path, graph: Graph) -> None:
    folder.mkdir()
    meta = _meta(fitted, graph)
    if isinstance(fitted.model, VectorModel):
        save_file(_tables(fitted.model), folder / TENSORS)
    _save_learnt(fitted, folder)
    if isinstance(fitted.model, BlendModel):
        meta["factors"] = [factor for factor, _ in fitted.model.parts]
    for number, part in enumerate(fitted.parts, start=1):
        _save(part, folder / f"part{number}", graph)
    write_json(folder / META, meta)


def save_learnt(fitted: Fitted, folder: Path | str, graph: Graph) -> None:
    """Write to ``folder`` of ``fitted`` only what a later network may start from, for :func:`load_learnt`."""
    with replacing(folder) as aside:
        aside.mkdir()
        _save_learnt(fitted, aside)
        write_json(aside / META, _meta(fitted, graph))


def _meta(fitted: Fitted, graph: Graph) -> dict[str, Any]:
    values = fitted.architecture.model_dump(mode="json")
    return {"architecture": values, "epochs": fitted.epochs, "graph": graph.hash}


def _save_learnt(fitted: Fitted, folder: Path) -> None:
    if fitted.learnt is not None:
        save_file({name: value.contiguous() for name, value in fitted.learnt.items()}, folder / LEARNT)


def _tables(model: VectorModel) -> dict[str, torch.Tensor]:
    tables = {"user_vectors": model.user_vectors, "item_vectors": model.item_vectors}
    return {name: table.detach().float().cpu().contiguous() for name, table in tables.items()}


def load_model(folder: Path | str, graph: Graph, settings: FitSettings | None = None) -> Fitted:
    """Read what :func:`save_model` wrote; ``graph`` is the one that the model was fitted on.

    A filter is fitted again, with ``settings`` (device, threads, memory). UserError where a file is missing or damaged,
    or belongs to another graph.
    """
    meta = read_json(Path(folder) / META)
    try:
        candidate, epochs = architecture(meta["architecture"], f"{Path(folder) / META}: architecture"), meta["epochs"]
        fitted_on = meta["graph"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{Path(folder) / META} describes no model: {error} is missing.") from error
    if fitted_on != graph.hash:
        raise UserError(
            f"{folder} holds a model that was fitted on another graph than this one of {graph.n_users:,} users, "
            f"{graph.n_items:,} items and {graph.n_edges:,} edges. Run the stage train again."
        )
    if isinstance(candidate, Filter):
        return fit(candidate, graph, settings or FitSettings())
    if isinstance(candidate, Blend):
        return _blend(Path(folder), candidate, meta, graph, settings)
    tables = _read(Path(folder) / TENSORS, "user_vectors", "item_vectors")
    return Fitted(vectors(tables["user_vectors"], tables["item_vectors"], graph), candidate, epochs)


def _blend(folder: Path, candidate: Blend, meta: dict[str, Any], graph: Graph, settings: FitSettings | None) -> Fitted:
    factors = meta.get("factors", [])
    if len(factors) != len(candidate.parts):
        raise UserError(f"{folder / META} names {len(factors)} factors for {len(candidate.parts)} parts.")
    parts = [load_model(folder / f"part{number}", graph, settings) for number in range(1, len(factors) + 1)]
    models = [part.model for part in parts]
    model = BlendModel(list(zip(factors, models, strict=True)), popularity(graph), np.diff(graph.indptr) == 0)
    return Fitted(model, candidate, meta["epochs"], parts=tuple(parts))


def load_learnt(folder: Path | str) -> tuple[Architecture, dict[str, torch.Tensor] | None]:
    """The architecture in a folder that :func:`save_model` wrote, and what it learnt (None: it is no network)."""
    path = Path(folder) / META
    chosen = architecture(read_json(path).get("architecture"), f"{path}: architecture")
    return chosen, _read(Path(folder) / LEARNT) if isinstance(chosen, Gnn) else None


def with_learnt(fitted: Fitted, folder: Path | str) -> Fitted:
    """``fitted`` as :func:`load_model` read it from ``folder``, with what it learnt."""
    return replace(fitted, learnt=load_learnt(folder)[1])


def _read(path: Path, *names: str) -> dict[str, torch.Tensor]:
    """The tensors in a file: those asked for, or all."""
    try:
        tables = load_file(path)
        return {name: tables[name] for name in names or tables}
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(f"{path} holds no vectors that can be read: {error}.") from error
