"""params.yaml shows every knob, with the value that holds where nothing is said."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from recsmith.config.base import Run, Section, parse, read_sections
from stages._stage import STAGES
from tools.deps import ROOT

GIVEN = read_sections(ROOT / "params.yaml")


def model(section: str) -> type[Section]:
    if section == "run":
        return Run
    return getattr(importlib.import_module(f"recsmith.config.{section}"), section.capitalize())


def knobs(values: dict[str, Any], place: str) -> Iterator[str]:
    for name, value in values.items():
        yield f"{place}.{name}"
        if isinstance(value, dict):
            yield from knobs(value, f"{place}.{name}")


@pytest.mark.parametrize("section", ["run", *STAGES])
def test_every_knob_is_written_out_at_its_default(section: str) -> None:
    defaults = model(section)().model_dump(mode="json")
    assert set(knobs(GIVEN[section], section)) == set(knobs(defaults, section))
    assert parse(GIVEN[section], model(section), section).model_dump(mode="json") == defaults


def test_every_knob_has_a_line_that_a_person_can_find() -> None:
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 120
    assert sum("#" in line for line in lines) > 50
