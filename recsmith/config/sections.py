"""All sections of the parameters, so that a mistake in the last one is told before the first stage starts."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from recsmith.config.base import Run, parse
from recsmith.config.baseline import Baseline
from recsmith.config.compress import Compress
from recsmith.config.evaluate import Evaluate
from recsmith.config.graph import Graph
from recsmith.config.ingest import Ingest
from recsmith.config.read import read_sections
from recsmith.config.report import Report
from recsmith.config.retrain import Retrain
from recsmith.config.search import Search
from recsmith.config.split import Split
from recsmith.config.train import Train
from recsmith.config.validate import Validate
from recsmith.errors import UserError, unknown

SECTIONS: dict[str, type[BaseModel]] = {
    "run": Run,
    "ingest": Ingest,
    "validate": Validate,
    "split": Split,
    "graph": Graph,
    "baseline": Baseline,
    "search": Search,
    "train": Train,
    "compress": Compress,
    "evaluate": Evaluate,
    "report": Report,
    "retrain": Retrain,
}


def check(path: Path | str) -> None:
    """Read every section of the parameter file at ``path``; one UserError with all that is wrong."""
    wrong = []
    for name, value in read_sections(path).items():
        try:
            if name not in SECTIONS:
                raise unknown(f"{path}: section", name, SECTIONS)
            parse({} if value is None else value, SECTIONS[name], f"{path}: {name}")
        except UserError as error:
            wrong.append(str(error))
    if wrong:
        raise UserError("\n".join(wrong))
