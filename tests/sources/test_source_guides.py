"""The guides say what is so: their sections are valid, their recipe reads."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pytest
from ruamel.yaml import YAML
from source_files import NAMES, ROWS

from recsmith.config.ingest import Ingest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", blocks("your-own-data.md", "yaml"))
def test_sections_of_the_guide_are_valid(text: str) -> None:
    assert Ingest.model_validate(YAML(typ="safe").load(text)["ingest"]).source in ("files", "sql")


def test_the_recipe_for_a_source_reads_as_it_promises(tmp_path: Path) -> None:
    (recipe,) = blocks("add-a-source.md", "python")
    (tmp_path / "feather.py").write_text(recipe, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("feather_recipe", tmp_path / "feather.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    columns = [list(column) for column in zip(*ROWS, strict=True)]
    pyarrow.feather.write_feather(pa.table(columns, names=list(NAMES)), tmp_path / "log.feather")
    found = module.read(Ingest.model_validate({"source": "files", "path": "log.feather"}), tmp_path)
    assert [tuple(row.values())[:4] for row in found.interactions.to_pylist()] == ROWS
