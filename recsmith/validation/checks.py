"""Every check: what is expected, how grave it is, and what to change where it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from great_expectations.expectations.core.expect_column_pair_values_to_be_equal import ExpectColumnPairValuesToBeEqual
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
from great_expectations.expectations.core.expect_column_values_to_not_be_null import ExpectColumnValuesToNotBeNull
from great_expectations.expectations.core.expect_compound_columns_to_be_unique import ExpectCompoundColumnsToBeUnique
from great_expectations.expectations.expectation import Expectation

from recsmith.config.validate import Validate
from recsmith.tables.columns import EVENT, ITEM, TIMESTAMP, USER, WEIGHT
from recsmith.validation.facts import unit_of, weight_bounds

Facts = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One check: expectations by the frame that they judge (schema, rows or facts), what was found, what to change.

    ``measured`` gives (unexpected, total) from the facts where expectations judge the one aggregated row.
    """

    name: str
    expectations: dict[str, tuple[Expectation, ...]]
    observed: Callable[[Facts], Any]
    advice: Callable[[Facts], str]
    measured: Callable[[Facts], tuple[int, int]] | None = None


def schema_check() -> Check:
    """Every canonical column is there, in order and of its type."""
    same = ExpectColumnPairValuesToBeEqual(column_A="type", column_B="expected", ignore_row_if="neither")
    return Check(
        "schema_and_types",
        {"schema": (same,)},
        lambda facts: "",
        lambda facts: (
            "data/ingest/interactions.parquet is not as ingest writes it: run ingest again (dvc repro -f ingest)."
        ),
    )


def row_checks(params: Validate) -> list[Check]:
    """Checks that look at each interaction."""
    return [_null_ids(), _duplicates(), _timestamps(params), _weights(params)]


def fact_checks(params: Validate) -> list[Check]:
    """Checks that look at the aggregated facts."""
    sizes = [_enough(name, getattr(params, f"min_{name}")) for name in ("users", "items", "interactions")]
    return [*sizes, _under_k(params), _orphans(params)]


def _null_ids() -> Check:
    expectations = (ExpectColumnValuesToNotBeNull(column=USER), ExpectColumnValuesToNotBeNull(column=ITEM))
    return Check(
        "no_null_ids",
        {"rows": expectations},
        lambda facts: "",
        lambda facts: (
            "Fill the ids in, or set validate.checks.no_null_ids: warning (split drops such rows and counts them)."
        ),
    )


def _duplicates() -> Check:
    columns = [USER, ITEM, EVENT, TIMESTAMP]
    return Check(
        "no_duplicates",
        {"rows": (ExpectCompoundColumnsToBeUnique(column_list=columns, ignore_row_if="never"),)},
        lambda facts: "",
        lambda facts: "Drop them, or set validate.checks.no_duplicates: warning (split.dedupe says which row stays).",
    )


def _timestamps(params: Validate) -> Check:
    between = ExpectColumnValuesToBeBetween(
        column=TIMESTAMP, min_value=params.timestamp_min, max_value=params.timestamp_max
    )
    return Check("timestamp_range", {"rows": (between,)}, _time_range, lambda facts: _time_advice(facts, params))


def _time_range(facts: Facts) -> str:
    if not facts["timestamps"]:
        return "no timestamps"
    return f"{facts['timestamp_first']} to {facts['timestamp_last']}"


def _time_advice(facts: Facts, params: Validate) -> str:
    unit = unit_of(facts["timestamp_median"])
    if unit is not None:
        return f"These look like {unit[1]}; set ingest.files[n].timestamp_unit: {unit[0]}."
    return (
        f"Allowed are UTC seconds from {params.timestamp_min} to {params.timestamp_max}: correct the column, set "
        "ingest.files[n].timestamp_unit, or widen validate.timestamp_min and validate.timestamp_max."
    )


def _weights(params: Validate) -> Check:
    low, high = weight_bounds(params)
    between = ExpectColumnValuesToBeBetween(column=WEIGHT, min_value=low, max_value=high)
    # A frame cannot tell NaN from nothing: NaN is counted before.
    finite = ExpectColumnValuesToBeBetween(column="weights_not_finite", max_value=0)
    return Check(
        "weight_range",
        {"rows": (between,), "facts": (finite,)},
        _weight_range,
        lambda facts: (
            f"Allowed are finite numbers{_bounds(params)}: correct the column, or change validate.weight_min and "
            "validate.weight_max."
        ),
        lambda facts: (facts["weights_odd"], facts["interactions"]),
    )


def _bounds(params: Validate) -> str:
    low = "" if params.weight_min is None else f" from {params.weight_min:g}"
    return low + ("" if params.weight_max is None else f" to {params.weight_max:g}")


def _weight_range(facts: Facts) -> str:
    if not facts["weights"]:
        return "no weights"
    odd = f", {facts['weights_not_finite']:,} NaN or infinite" if facts["weights_not_finite"] else ""
    return f"{facts['weight_smallest']} to {facts['weight_largest']}{odd}"


def _enough(name: str, least: int) -> Check:
    return Check(
        f"enough_{name}",
        {"facts": (ExpectColumnValuesToBeBetween(column=name, min_value=least),)},
        lambda facts: facts[name],
        lambda facts: f"At least {least:,} are needed: give more data, or lower validate.min_{name}.",
    )


def _under_k(params: Validate) -> Check:
    return Check(
        "users_under_k",
        {"facts": (ExpectColumnValuesToBeBetween(column="share_under_k", max_value=params.max_share_under_k),)},
        lambda facts: facts["share_under_k"],
        lambda facts: (
            f"At most {params.max_share_under_k:.0%} of the users may have fewer than {params.k} interactions: set "
            "split.k_core.users to leave them out, or change validate.k or validate.max_share_under_k."
        ),
        lambda facts: (facts["users_under_k"], facts["users"]),
    )


def _orphans(params: Validate) -> Check:
    shares = [f"share_of_{name}_{how}" for name in ("users", "items") for how in _ORPHANS]
    expectations = [ExpectColumnValuesToBeBetween(column=name, max_value=params.max_orphan_share) for name in shares]
    return Check(
        "orphan_features",
        {"facts": tuple(expectations)},
        lambda facts: max(facts[name] for name in shares),
        lambda facts: (
            f"At most {params.max_orphan_share:.0%} of the users and items of a side table may lack interactions, "
            "and of those that interact may lack a row in it. Are its ids those of the interactions? Correct "
            "ingest.files[n].columns, or change validate.max_orphan_share."
        ),
        lambda facts: (
            sum(facts[f"{name}_{how}"] for name in ("users", "items") for how in _ORPHANS),
            sum(
                facts[f"{name}_described"] + (facts[name] if facts[f"{name}_described"] else 0)
                for name in ("users", "items")
            ),
        ),
    )


_ORPHANS = ("described_without_interactions", "without_description")


def severity(params: Validate, check: Check) -> str:
    """critical, warning or off."""
    return getattr(params.checks, check.name)
