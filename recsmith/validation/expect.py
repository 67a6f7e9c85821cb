"""Great Expectations, held at arm's length: frames and expectations in, plain outcomes out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.expectations.expectation import Expectation

CONFIG = DataContextConfig(
    store_backend_defaults=InMemoryStoreBackendDefaults(),
    progress_bars=ProgressBarsConfig(globally=False),
    analytics_enabled=False,
)
"""Everything in memory: no files, no network, no progress bars."""


@dataclass(frozen=True)
class Outcome:
    """One expectation's answer; ``rows`` are the first offending ones. ``error`` tells why it could not be judged."""

    success: bool
    unexpected: int
    total: int
    rows: tuple[dict[str, Any], ...] = ()
    error: str | None = None


def merged(outcomes: Sequence[Outcome], shown: int) -> Outcome:
    """What one expectation found in several frames, as if they were one."""
    return Outcome(
        all(outcome.success for outcome in outcomes),
        sum(outcome.unexpected for outcome in outcomes),
        sum(outcome.total for outcome in outcomes),
        tuple(row for outcome in outcomes for row in outcome.rows)[:shown],
        next((outcome.error for outcome in outcomes if outcome.error is not None), None),
    )


def judge(frame: pd.DataFrame, expectations: list[Expectation], shown: int) -> list[Outcome]:
    """The outcome of each expectation on ``frame``, in order; at most ``shown`` offending rows each."""
    context = gx.get_context(mode="ephemeral", project_config=CONFIG)
    source = context.data_sources.add_or_update_pandas("frames")
    batch = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")
    # Copies: an expectation belongs to one suite.
    numbered = [copy.copy(expectation) for expectation in expectations]
    for position, expectation in enumerate(numbered):
        expectation.meta = {"position": position}
    suite = context.suites.add_or_update(gx.ExpectationSuite(name="suite", expectations=numbered))
    definition = gx.ValidationDefinition(name="definition", data=batch, suite=suite)
    result = context.validation_definitions.add_or_update(definition).run(
        batch_parameters={"dataframe": frame},
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": shown,
            "unexpected_index_column_names": list(frame.columns),
        },
    )
    answers: dict[int, Any] = {_position(answer): answer for answer in result.results}
    return [_outcome(answers[position], list(frame.columns)) for position in range(len(expectations))]


def _position(answer: Any) -> int:
    return answer.expectation_config.meta["position"]


def _outcome(answer: Any, columns: list[str]) -> Outcome:
    error = _error(answer.exception_info)
    if error is not None:
        return Outcome(False, 0, 0, error=error)
    result = answer.result
    rows = tuple(
        {name: _plain(row[name]) for name in columns} for row in result.get("partial_unexpected_index_list") or ()
    )
    return Outcome(
        bool(answer.success), int(result.get("unexpected_count", 0)), int(result.get("element_count", 0)), rows
    )


def _error(info: dict[str, Any]) -> str | None:
    """The first message of an expectation that raised; ``info`` is flat, or one entry for each metric that failed."""
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((str(entry["exception_message"]) for entry in entries if entry["raised_exception"]), None)


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
