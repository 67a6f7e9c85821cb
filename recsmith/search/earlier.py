"""Warm start from earlier searches on other data: the best settings of the data sets that are most like this one.

After Feurer, Springenberg and Hutter 2015, "Initializing Bayesian Hyperparameter Optimization via Meta-Learning":
what was best on the nearest data sets is what a search tries first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from recsmith.config.base import Section, parse
from recsmith.errors import UserError
from recsmith.files import read_json, write_json
from recsmith.search.features import Features, distances
from recsmith.search.meta import VERSION, Meta

META = "meta.json"
KNOB = "params.yaml: search.warm_start"


class Earlier(Section):
    """An earlier search by the name that the parameters give it."""

    run: str
    meta: Meta


class Brought(Section):
    """The earlier searches of the parameters, in their order, as one file that the line depends on."""

    earlier: tuple[Earlier, ...] = ()


class Advice(NamedTuple):
    """What the earlier searches say of this data set."""

    settings: tuple[dict[str, Any], ...]
    """Knob -> value: the best of each data set in turn, the nearest first, then the second best of each, ..."""
    near: tuple[tuple[str, float], ...]
    """Name and distance of each, the nearest first."""


def bring(runs: Sequence[str], root: Path, inside: Path, file: Path) -> None:
    """Copy what the earlier searches ``runs`` left to ``file``; paths are from ``root``.

    ``inside``: where the results of a search lie in the folder of a whole project. UserError names the run that is not
    there, is no finished search, or was written by a newer version.
    """
    found = [
        Earlier(run=run, meta=_read(root / Path(run).expanduser(), inside, f"{KNOB}[{n}] = {run!r}"))
        for n, run in enumerate(runs)
    ]
    write_json(file, Brought(earlier=tuple(found)).model_dump(mode="json"))


def brought(file: Path, runs: Sequence[str]) -> tuple[Earlier, ...]:
    """What :func:`bring` copied; UserError where it copied other runs than the parameters name now."""
    if not runs:
        return ()
    found = parse(read_json(file), Brought, str(file)).earlier if file.exists() else ()
    if [one.run for one in found] != list(runs):
        raise UserError(f"{KNOB} has changed since {file} was filled. Run `recsmith fetch`, or `make run`.")
    return found


def advice(here: Features, earlier: Sequence[Earlier]) -> Advice:
    """What was best on other data, at least one, as a search on the data set ``here`` is to try it."""
    far = distances(here, [one.meta.features for one in earlier])
    ranked = sorted(zip(map(float, far), range(len(earlier)), strict=True))
    turns = zip_longest(*(earlier[number].meta.best for _, number in ranked))
    settings = tuple(dict(setting.knobs) for turn in turns for setting in turn if setting is not None)
    return Advice(settings, tuple((earlier[number].run, distance) for distance, number in ranked))


def _read(path: Path, inside: Path, where: str) -> Meta:
    if not path.exists():
        raise UserError(
            f"{where}: there is no such file or folder. Name the folder of a finished search (data/search)."
        )
    folder = path if path.is_dir() else path.parent
    file = next((place / META for place in (folder, folder / inside) if (place / META).is_file()), None)
    if file is None:
        raise UserError(
            f"{where} is not a finished search: {META} is missing. A search writes it beside best.json; run that one "
            "again, or remove the entry."
        )
    values = read_json(file)
    version = values.get("version") if isinstance(values, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise UserError(
            f"{where} was written by a newer Recsmith: {file} has version {version}, and this one reads {VERSION}. "
            "Bring this one up to date, or remove the entry."
        )
    return parse(values, Meta, f"{where}: {file}")
