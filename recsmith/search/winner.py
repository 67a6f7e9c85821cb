"""The winner of a search, and how it is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from recsmith.config.train import Train
from recsmith.engine.fit import FitSettings
from recsmith.errors import UserError
from recsmith.files import read_json
from recsmith.model.architecture import Architecture, Blend, architecture


def read_best(path: Path, params: Train) -> tuple[Architecture, FitSettings]:
    """The winner and the settings of its trial, with at least the training that ``params`` allow, by their means."""
    best = read_json(path)
    try:
        settings = FitSettings(**best["settings"])
        winner = architecture(best["architecture"], f"{path}: architecture")
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} describes no winner ({error}). Run the stage search again.") from error
    means = {name: getattr(params, name) for name in ("precision", "accumulate", "fan_out")}
    if isinstance(winner, Blend):
        # Its parts are trained as they were when it was chosen: a schedule spans the epochs that were allowed.
        return winner, replace(settings, **means)
    longer = max(settings.max_epochs, params.max_epochs), max(settings.patience, params.patience)
    return winner, replace(settings, max_epochs=longer[0], patience=longer[1], **means)
