"""params.yaml shows every knob, with the value that holds where nothing is said."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from recsmith.__main__ import main
from recsmith.config.base import parse
from recsmith.config.read import read_sections
from recsmith.config.sections import SECTIONS
from stages._stage import STAGES
from tools.deps import ROOT

GIVEN = read_sections(ROOT / "params.yaml")


def knobs(values: dict[str, Any], place: str) -> Iterator[str]:
    for name, value in values.items():
        yield f"{place}.{name}"
        if isinstance(value, dict):
            yield from knobs(value, f"{place}.{name}")


@pytest.mark.parametrize("section", ["run", *STAGES, "retrain"])
def test_every_knob_is_written_out_at_its_default(section: str) -> None:
    defaults = SECTIONS[section]().model_dump(mode="json")
    assert set(knobs(GIVEN[section], section)) == set(knobs(defaults, section))
    assert parse(GIVEN[section], SECTIONS[section], section).model_dump(mode="json") == defaults


def test_every_knob_has_a_line_that_a_person_can_find() -> None:
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 120
    assert sum("#" in line for line in lines) > 50


def test_every_stage_has_a_section() -> None:
    assert tuple(SECTIONS) == ("run", *STAGES, "retrain")


def told(capsys: pytest.CaptureFixture[str], folder: Path, content: bytes) -> str:
    """What ``fetch``, the first command of a run, says about a parameter file that it refuses."""
    (folder / "params.yaml").write_bytes(content)
    assert main(["fetch", "--params", str(folder / "params.yaml")]) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("run", {"threads": 0}, "run.threads = 0: Input should be greater"),
        ("run", {"memory_mb": -5}, "run.memory_mb = -5: Input should be greater"),
        ("run", {"device": "gpu"}, "run.device = 'gpu' is unknown. Known: auto, cpu, cuda, cuda:N."),
        ("baseline", {"ease": {"l2": [-1.0]}}, "baseline.ease.l2[0] = -1.0: Input should be greater"),
        ("evaluate", {"cutoffs": [0]}, "evaluate.cutoffs[0] = 0: Input should be greater"),
        ("evaluate", {"cutofs": [5]}, "evaluate.cutofs is unknown. Known: activity, bootstrap"),
        ("serch", {"trials": 2}, "section = 'serch' is unknown. Known: baseline, compress"),
        ("report", False, "report = False: Input should be a valid dictionary"),
    ],
)
def test_a_mistake_for_a_late_stage_is_told_before_the_first(
    section: str, value: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = io.BytesIO()
    YAML().dump({"ingest": {"source": "demo"}, section: value}, text)
    assert message in told(capsys, tmp_path, text.getvalue())
    assert not (tmp_path / "data").exists()


def test_a_parameter_file_that_is_no_text_is_a_plain_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "params.yaml is not UTF-8 text" in told(capsys, tmp_path, b"\xff\xfe")
