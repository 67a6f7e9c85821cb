"""Judge what was ingested: run every check, collect findings, say what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from recsmith.config.validate import Validate
from recsmith.tables.columns import EVENT, ITEM, TIMESTAMP, USER, WEIGHT
from recsmith.tables.connect import read
from recsmith.tables.schema import SCHEMA
from recsmith.validation.checks import Check, fact_checks, row_checks, schema_check, severity
from recsmith.validation.expect import Outcome, judge, merged
from recsmith.validation.facts import Tables, facts
from recsmith.validation.findings import Finding, Report
from recsmith.validation.samples import with_samples

ROWS = 1_000_000
"""Interactions that are judged at once."""
COLUMNS = [USER, ITEM, TIMESTAMP, WEIGHT, EVENT]
KEYS = [USER, ITEM, TIMESTAMP, EVENT]
NOT_RUN = "not run: the columns of the table are not as they must be"


def inspect(backend: Backend, ingest: Path | str, params: Validate) -> Report:
    """Run all checks that are not off on the tables in ``ingest``."""
    ingest = Path(ingest)
    path = ingest / "interactions.parquet"
    tables = Tables(*(read(backend, ingest / f"{name}.parquet") for name in ("interactions", "users", "items")))
    schema = schema_frame(pq.read_schema(path))
    checks = [check for check in _all_checks(params) if severity(params, check) != "off"]
    if _differing(schema):
        return Report(tuple(_broken_schema(checks, schema, params)))
    counts = facts(tables, params)
    frames = {"schema": [schema], "rows": rows_frames(path), "facts": [pd.DataFrame([counts])]}
    outcomes = _judge_all(checks, frames, params.rows_shown)
    findings = [_finding(check, outcomes[check.name], counts, params) for check in checks]
    shown = [with_samples(finding, tables, counts, params) for finding in findings]
    return Report(tuple(shown), {name: value for name, value in counts.items() if not name.startswith("share")})


def _all_checks(params: Validate) -> list[Check]:
    return [schema_check(), *row_checks(params), *fact_checks(params)]


def schema_frame(found: pa.Schema) -> pd.DataFrame:
    """One row for each column that is there or should be: column, type, expected."""
    expected = {name: str(SCHEMA.field(name).type) for name in SCHEMA.names}
    types = {name: str(found.field(name).type).removeprefix("large_") for name in found.names}
    names = [*expected, *(name for name in types if name not in expected)]
    rows = [(name, types.get(name, "missing"), expected.get(name, "not expected")) for name in names]
    return pd.DataFrame(rows, columns=["column", "type", "expected"])


def _differing(schema: pd.DataFrame) -> int:
    return sum(found != expected for found, expected in zip(schema["type"], schema["expected"], strict=True))


def rows_frames(path: Path | str) -> Iterator[pd.DataFrame]:
    """The interactions in frames of about ``ROWS``; integers keep their precision beside nulls.

    Rows are ordered, so duplicates are neighbours: a frame ends where the next row is another interaction.
    """
    source = pq.ParquetFile(path)
    held = source.schema_arrow.empty_table().select(COLUMNS)
    for batch in source.iter_batches(ROWS, columns=COLUMNS):
        done = held.num_rows - _last_run(held)
        if done:
            yield _frame(held.slice(0, done))
        held = pa.concat_tables([held.slice(done), pa.Table.from_batches([batch])])
    yield _frame(held)


def _last_run(table: pa.Table) -> int:
    """How many rows at the end are one interaction."""
    keys, number, run = table.select(KEYS), table.num_rows, 0
    while run < number and keys.slice(number - run - 1, 1).equals(keys.slice(number - 1, 1)):
        run += 1
    return run


def _frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)


def _judge_all(checks: list[Check], frames: dict[str, Iterable[pd.DataFrame]], shown: int) -> dict[str, list[Outcome]]:
    outcomes: dict[str, list[Outcome]] = {check.name: [] for check in checks}
    for name, parts in frames.items():
        owned = [(check.name, expectation) for check in checks for expectation in check.expectations.get(name, ())]
        answers = [judge(frame, [expectation for _, expectation in owned], shown) for frame in parts] if owned else []
        for (owner, _), *found in zip(owned, *answers, strict=True):
            outcome = merged(found, shown)
            # The aggregated row is no offending row: samples are looked up instead.
            outcomes[owner].append(replace(outcome, rows=()) if name == "facts" else outcome)
    return outcomes


def _finding(check: Check, outcomes: list[Outcome], counts: dict[str, Any], params: Validate) -> Finding:
    success = all(outcome.success for outcome in outcomes)
    unexpected, total = sum(outcome.unexpected for outcome in outcomes), max(outcome.total for outcome in outcomes)
    if check.measured is not None:
        unexpected, total = check.measured(counts)
    rows = tuple(row for outcome in outcomes for row in outcome.rows)[: params.rows_shown]
    error = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
    advice = "" if success else check.advice(counts)
    level = severity(params, check)
    return Finding(check.name, level, success, unexpected, total, check.observed(counts), advice, rows, error)


def _broken_schema(checks: list[Check], schema: pd.DataFrame, params: Validate) -> Iterable[Finding]:
    """Only the schema is judged where columns are missing or of a wrong type; all else could not be."""
    wrong = _differing(schema)
    for check in checks:
        if check.name == "schema_and_types":
            outcome = judge(schema, list(check.expectations["schema"]), params.rows_shown)[0]
            level = severity(params, check)
            yield Finding(check.name, level, outcome.success, wrong, len(schema), "", check.advice({}), outcome.rows)
        else:
            yield Finding(check.name, severity(params, check), False, 0, 0, error=NOT_RUN)
