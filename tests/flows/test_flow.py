"""The flow reproduces stages in order, shows their output live, and leaves nothing running."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from flows.pipeline import Request, command, main, pipeline
from stages._stage import STAGES

STAGE = """
import os, sys
from pathlib import Path
from stages._stage import stage
def run(context):
    context.say("working on {name}")
    if "{name}" == os.environ.get("BROKEN"):
        sys.exit("{name}: out of luck")
    context.out.mkdir(parents=True, exist_ok=True)
    (context.out / "out.txt").write_text("{name}")
stage("{name}", run)
"""


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A line of three stages that only write a word, under DVC without git."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).resolve().parents[2]}")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    Path("params.yaml").write_text("run: {threads: 1}\n", encoding="utf-8")
    Path("work").mkdir()
    text, before = "stages:\n", "params.yaml"
    for name in ("ingest", "validate", "split"):
        Path(f"work/{name}.py").write_text(STAGE.format(name=name), encoding="utf-8")
        text += f"  {name}:\n    cmd: python work/{name}.py\n    deps: [{before}]\n"
        text += f"    outs: [data/{name}/out.txt, data/{name}/run.json, data/{name}/timing.json]\n"
        before = f"data/{name}/out.txt"
    Path("dvc.yaml").write_text(text, encoding="utf-8")
    assert os.system("dvc init --no-scm -q") == 0
    return tmp_path


def test_stages_run_in_the_order_of_the_line_and_know_their_flow(line: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    state = pipeline(Request(stages=("split", "ingest", "validate")), return_state=True)
    assert state.is_completed(), state.message
    said = [record.getMessage() for record in caplog.records if "working on" in record.getMessage()]
    assert said == ["working on ingest", "working on validate", "working on split"]
    runs = [json.loads((line / f"data/{name}/run.json").read_text()) for name in ("ingest", "split")]
    assert runs[0] == runs[1]
    assert runs[0]["flow_run"] == str(state.state_details.flow_run_id)


def test_nothing_runs_twice(line: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(2):
        assert pipeline(Request(stages=("ingest",)), return_state=True).is_completed()
    assert sum("working on ingest" in record.getMessage() for record in caplog.records) == 1


def test_the_first_failure_stops_the_line_and_shows_its_message(
    line: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("BROKEN", "validate")
    assert main(["--stages", "ingest", "validate", "split"]) == 1
    messages = [record.getMessage() for record in caplog.records]
    assert "validate: out of luck" in messages
    assert not any("working on split" in message for message in messages)
    assert not (line / "data/split").exists()


def test_requests_are_checked() -> None:
    with pytest.raises(ValidationError, match="ingest"):
        Request.model_validate({"stages": ["ingst"]})
    with pytest.raises(ValidationError, match="Extra inputs"):
        Request.model_validate({"stage": ["ingest"]})


def test_a_stage_is_one_item_of_repro_that_waits_its_turn() -> None:
    assert command("split", False)[1:] == ["-m", "dvc", "--wait-for-lock", "repro", "--single-item", "split"]
    assert command("split", True)[-1] == "--force"
    assert Request().stages == STAGES
