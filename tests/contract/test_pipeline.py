"""dvc.yaml, the stages, the parameters and the flow say the same thing."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from flows.pipeline import STAGES as FLOW_STAGES
from flows.pipeline import Stage
from flows.retrain import KEPT
from recsmith.config.read import read_sections
from stages._stage import STAGES
from tools.deps import ROOT, code, is_code

PIPELINE: dict[str, Any] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def outs(stage: str) -> list[str]:
    listed = [out for kind in ("outs", "metrics", "plots") for out in PIPELINE[stage].get(kind, [])]
    return [next(iter(out)) if isinstance(out, dict) else out for out in listed]


def literals(stage: str) -> list[ast.Call]:
    tree = ast.parse((ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def calls_of(stage: str, method: str) -> list[ast.Call]:
    return [call for call in literals(stage) if ast.unparse(call.func) == f"context.{method}"]


def first_argument(call: ast.Call) -> str | None:
    argument = call.args[0] if call.args else None
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


def test_a_stage_has_one_name_in_all_places() -> None:
    assert tuple(PIPELINE) == STAGES == FLOW_STAGES == get_args(Stage)
    assert tuple(read_sections(ROOT / "params.yaml")) == ("run", *STAGES, "retrain")


@pytest.mark.parametrize("stage", STAGES)
def test_module_command_section_and_folder_have_the_name_of_the_stage(stage: str) -> None:
    assert PIPELINE[stage]["cmd"] == f"python -m stages.{stage}"
    assert (ROOT / "recsmith" / "config" / f"{stage}.py").is_file()
    names = [first_argument(call) for call in literals(stage) if getattr(call.func, "id", "") == "stage"]
    assert names == [stage]
    assert all(out.startswith(f"data/{stage}/") for out in outs(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_deps_cover_every_first_party_module_that_a_stage_imports(stage: str) -> None:
    listed = [dep for dep in PIPELINE[stage]["deps"] if is_code(dep)]
    assert listed == code(stage), "run `make deps`"


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_sections_and_the_single_values_that_a_stage_reads(stage: str) -> None:
    calls = {kind: calls_of(stage, kind) for kind in ("section", "value")}
    values = {f"{first_argument(call)}.{ast.literal_eval(call.args[2])}" for call in calls["value"]}
    sections = set(map(first_argument, calls["section"])) if stage != "report" else set(STAGES)
    assert set(PIPELINE[stage]["params"]) == {"run"} | sections | values


def test_another_search_leaves_the_baselines_as_they_are() -> None:
    assert set(PIPELINE["baseline"]["params"]) == {
        "run",
        "baseline",
        "search.metric",
        "evaluate.cutoffs",
        "evaluate.negatives",
    }


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_writes_its_two_side_files_and_nothing_but_the_report_reads_them(stage: str) -> None:
    assert {f"data/{stage}/run.json", f"data/{stage}/timing.json"} <= set(outs(stage))
    side = [dep for dep in PIPELINE[stage]["deps"] if Path(dep).name in ("run.json", "timing.json")]
    assert all(stage == "report" and dep.endswith("timing.json") for dep in side)


@pytest.mark.parametrize("stage", STAGES)
def test_deps_cover_every_file_that_a_stage_names(stage: str) -> None:
    source = (ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    named = [f"data/{path}" for path in re.findall(r'DATA / "([^"{}]+)"', source)]
    covered = [*PIPELINE[stage]["deps"], *outs(stage)]
    missing = [path for path in named if not any(path == dep or path.startswith(f"{dep}/") for dep in covered)]
    assert [path for path in missing if path.count("/") > 1] == []


def test_only_evaluate_opens_the_sealed_test() -> None:
    sealed = ("data/split/test.parquet", "data/split", "data")
    assert [name for name in STAGES if set(sealed) & set(PIPELINE[name]["deps"])] == ["evaluate"]
    naming = {
        path.stem for path in (ROOT / "stages").glob("*.py") if "test.parquet" in path.read_text(encoding="utf-8")
    }
    assert naming <= {"split", "evaluate"}


def test_the_incumbent_enters_the_line_where_it_is_read() -> None:
    reading = [name for name in STAGES if '"incumbent' in (ROOT / "stages" / f"{name}.py").read_text(encoding="utf-8")]
    assert reading == [name for name in STAGES if "data/incumbent" in PIPELINE[name]["deps"]]
    assert {"train", "evaluate"} <= set(reading)


def test_the_source_itself_is_a_dependency() -> None:
    assert "${ingest.path}" in PIPELINE["ingest"]["deps"]


OUTSIDE = {"data/privacy/forgotten.json", "data/earlier"}
"""What the line reads and never writes, beside the source."""


@pytest.mark.parametrize("stage", STAGES)
def test_every_data_dependency_is_an_out_of_an_earlier_stage_or_the_incumbent(stage: str) -> None:
    earlier = ["data/incumbent"] + [out for name in STAGES[: STAGES.index(stage)] for out in outs(name)]
    wanted = [dep for dep in PIPELINE[stage]["deps"] if dep.startswith("data/")]
    assert [dep for dep in wanted if dep not in {*earlier, *OUTSIDE}] == []


def test_what_messages_tell_to_restore_or_make_dvc_knows() -> None:
    targets = {*STAGES, *(out for stage in STAGES for out in outs(stage)), *(f"{folder}.dvc" for folder in KEPT)}
    files = [*(ROOT / "recsmith").rglob("*.py"), *(ROOT / "stages").glob("*.py"), *(ROOT / "docs").glob("*.md")]
    texts = {path: path.read_text(encoding="utf-8") for path in [*files, ROOT / "README.md"]}
    told = {word for text in texts.values() for word in re.findall(r"`dvc (?:checkout|repro) ([\w./]+)`", text)}
    assert "compress" in told
    assert told <= targets
