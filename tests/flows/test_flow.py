"""The flow reproduces stages in order, shows their output live, and leaves nothing running."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.exceptions import FailedRun
from pydantic import ValidationError
from retrain.events_of import events, table

from flows import service
from flows.logs import OF_RUNS, plain
from flows.pipeline import Request, environment, kind_of, main, pipeline
from flows.repro import Sections, command, reason
from recsmith.retrain import log as event_log
from stages._stage import STAGES

STAGE = """
import os, sys, time
from pathlib import Path
from stages._stage import stage
def run(context):
    context.say("working on {name}")
    if "{name}" == os.environ.get("SLOW"):
        time.sleep(300)
    if "{name}" == os.environ.get("BROKEN"):
        sys.exit("{name}: out of luck")
    context.out.mkdir(parents=True, exist_ok=True)
    (context.out / "out.txt").write_text("{name}")
stage("{name}", run)
"""


@pytest.fixture
def line(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A line of three stages that only write a word, under DVC without git."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).resolve().parents[2]}")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    Path("params.yaml").write_text("run: {threads: 1}\ningest: {source: demo}\n", encoding="utf-8")
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


def test_a_request_for_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        Request.model_validate({"stages": []})


def test_a_run_is_one_repro_of_the_asked_stages_that_waits_its_turn() -> None:
    assert command(["split", "graph"], False)[1:] == [
        *("-m", "dvc", "--wait-for-lock", "repro", "--single-item"),
        *("split", "graph"),
    ]
    assert command(["split"], True)[-1] == "--force"
    assert Request().stages == STAGES


def test_what_was_asked_reaches_the_stages_through_their_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    asked = environment(Request(wandb="offline"), "r", "f")
    assert (asked["RECSMITH_RUN"], asked["RECSMITH_FLOW_RUN"]) == ("r", "f")
    assert asked["WANDB_MODE"] == "offline"
    assert "WANDB_MODE" not in environment(Request(), "r", "f")


def test_a_data_date_is_the_last_day_that_the_event_log_is_read_or_refused_before_anything_runs(line: Path) -> None:
    asked = Request.model_validate({"stages": ["ingest"], "date": "2023-11-15"})
    state = pipeline(asked, return_state=True)
    assert state.message is not None
    assert state.message.startswith("date: recsmith events: params.yaml: ingest.source = 'demo'")
    assert not (line / "data/ingest").exists()
    Path("params.yaml").write_text("ingest: {source: events, path: data/events}\n", encoding="utf-8")
    event_log.append(line / "data/events", event_log.Log(), "a", "a", table(events(5)))
    assert pipeline(asked, return_state=True).is_completed()
    assert event_log.read_log(line / "data/events").until == int(datetime(2023, 11, 16, tzinfo=UTC).timestamp())


def test_a_fetch_that_takes_too_long_is_ended_and_named(line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.pipeline.FETCH_SECONDS", 0.0)
    state = pipeline(Request(stages=("ingest",)), return_state=True)
    assert (state.name, state.message) == ("TooLong", "fetch: longer than 0 minutes, ended")


def test_each_run_under_a_service_has_a_name_of_its_own_and_not_that_of_make_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECSMITH_RUN", "the-one-of-make-up")
    started = service.environment("http://127.0.0.1:4200")
    assert "RECSMITH_RUN" not in started
    assert started["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"


def test_output_is_cut_where_the_next_stage_begins() -> None:
    lines = ["waiting", "Stage 'ingest' didn't change, skipping", "Running stage 'split':", "Stage of grief", "done"]
    sections = Sections(lines)
    assert list(sections.section("ingest")) == lines[:2]
    assert sections.more
    assert list(sections.section("split")) == lines[2:]
    assert not sections.more


def test_a_reason_is_one_line_in_the_stages_own_words() -> None:
    said = [
        "Running stage 'split':",
        "> python -m stages.split",
        "split: no",
        "  because",
        "ERROR: failed to reproduce",
    ]
    assert reason("split", said) == "no   because"
    assert reason("split", ["Traceback", "ValueError: x", "ERROR: failed"]) == "ValueError: x"
    assert reason("split", []) == "it said nothing"
    assert len(reason("split", ["y" * 5000])) < 500


def test_a_signal_or_dvc_itself_is_the_reason_where_the_stage_is_none() -> None:
    killed = ["epoch 3", "ERROR: failed to reproduce 'split': failed to run: python -m stages.split, exited with -9"]
    assert reason("split", killed, 255) == "ended by SIGKILL; before it: epoch 3"
    done = ["split: done in 1.0 s, peak memory 9 MB"]
    assert reason("split", done, 143) == "ended by SIGTERM; before it: done in 1.0 s, peak memory 9 MB"
    full = [*done, "ERROR: failed to save: No space left on device"]
    assert reason("split", full, 255) == "ERROR: failed to save: No space left on device"
    assert reason("split", done, 255) == "dvc ended with 255"


def test_rejected_data_and_a_missed_gate_are_no_defects() -> None:
    assert kind_of("validate", "the data cannot be trusted (...)") == "DataRejected"
    assert kind_of("compress", "... params.yaml: compress.gate.retained = 0.98 asks for more.") == "BelowGate"
    assert kind_of("validate", "MemoryError") == kind_of("train", "a compress.gate. of sorts") == "Failed"


def test_a_stage_that_takes_too_long_is_ended_and_named(line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOW", "ingest")  # the first: on a busy machine, dvc alone may take that long to start
    state = pipeline(Request(stages=("ingest", "validate"), stage_minutes=0.1), return_state=True)
    assert (state.name, state.message) == ("TooLong", "ingest: longer than 0.1 minutes, ended")
    assert not (line / "data/validate").exists()


def test_the_log_ends_with_the_error_in_one_line_and_keeps_tracebacks_of_defects(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("runs")
    logger.addFilter(plain)
    for error in (FailedRun("split: out of luck"), ValueError("a defect")):
        try:
            raise error
        except (FailedRun, ValueError):
            logger.error("Engine execution exited with unexpected exception", exc_info=True)
    logger.error("Task run failed", exc_info=True)
    failed, defect, task = caplog.records
    assert (failed.getMessage(), failed.exc_info) == ("split: out of luck", None)
    assert defect.exc_info is not None
    assert (task.getMessage(), task.exc_info) == ("Task run failed", None)
    assert all(plain in logging.getLogger(name).filters for name in OF_RUNS)


TALKS = """
from pathlib import Path
from flows.logs import set_up
from prefect.logging import get_logger
from prefect.logging.configuration import setup_logging
setup_logging()
set_up()
for number in range(3):
    get_logger().info("line %d", number)
    print(number, flush=True)
Path("done").touch()
"""


def test_a_run_goes_on_where_nobody_reads_its_output(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    talk = [sys.executable, "-c", TALKS]
    with subprocess.Popen(talk, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as talking:
        for pipe in (talking.stdout, talking.stderr):
            assert pipe is not None
            pipe.close()
    assert talking.returncode == 0
    assert (tmp_path / "done").exists()


def test_a_server_that_does_not_answer_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(SystemExit, match="no Prefect server answers there"):
        main(["--stages", "ingest"])
