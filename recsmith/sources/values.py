"""Columns of any type to ids, UTC seconds and numbers; what cannot be understood is named with its place."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from recsmith.errors import UserError
from recsmith.sources.arrow import pc

Column: TypeAlias = pa.ChunkedArray
NO_ID = pa.array(["", "\\N"])
NO_NUMBER = pa.array(["", "\\N", "NULL", "null", "Null", "NaN", "nan", "NA", "N/A", "None", "none"])
LARGEST_EXACT = 2**53
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
CALENDAR = (-62_135_596_800, 253_402_300_799)
"""First and last second of the years 1 to 9999; beyond them neither Python nor ISO 8601 has dates."""
ZONE = r"\d\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"


@dataclass(frozen=True)
class Place:
    """Where a column came from, for messages."""

    file: str
    column: str = ""
    first: int = 1
    """Number of the first record: 2 where line 1 is a header."""
    word: str = "row"

    def at(self, index: int, value: object) -> str:
        return f"{self.file}, {self.word} {self.first + index}: column {self.column!r} holds {value!r}"


def flat(column: Column) -> Column:
    """The column with dictionaries and views taken apart and NaN as null."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
        return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    return column


def ids(column: Column, place: Place) -> Column:
    """Ids as text, nothing stripped or padded.

    Whole numbers that a source stores as floats (as pandas does where some are null) lose their ``.0``; fractions,
    booleans and nested values are no ids: UserError.
    """
    column = flat(column)
    if pa.types.is_string(column.type):
        return _without(column, NO_ID)
    if pa.types.is_null(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.string())
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return _whole(column, place).cast(pa.string())
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return _attempt(column, lambda part: part.cast(pa.string()), place, "not text (UTF-8)")
    if pa.types.is_temporal(column.type):
        return column.cast(pa.string())
    raise UserError(f"{place.file}: column {place.column!r} is of type {column.type}, which cannot be an id.")


def _whole(column: Column, place: Place) -> Column:
    def cast(part: Column) -> Column:
        whole = part.cast(pa.int64())
        largest = pc.max(pc.abs(whole)).as_py() or 0
        if pa.types.is_floating(part.type) and largest > LARGEST_EXACT:
            raise pa.ArrowInvalid("beyond what a float holds exactly")
        return whole

    return _attempt(column, cast, place, "no id: ids are text or whole numbers")


def text(column: Column) -> Column:
    """A side column as text; nested values as JSON-like text, empty text as null."""
    column = flat(column)
    if pa.types.is_floating(column.type):
        return _plain_numbers(column)
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return pa.chunked_array([pa.array([_shown(python(value)) for value in column], pa.string())])
    return _without(column.cast(pa.string()), pa.array([""]))


def python(scalar: pa.Scalar) -> object:
    """The value in Python; as text where Python has none like it, such as a date after the year 9999."""
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return " ".join(pa.repeat(scalar, 1).to_string(skip_new_lines=True)[1:-1].split())


def _shown(value: object) -> str | None:
    if isinstance(value, list | tuple):
        return "|".join(str(part) for part in value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else None if value is None else str(value)


def _plain_numbers(column: Column) -> Column:
    values = (None if v is None else str(int(v)) if v == math.floor(v) else repr(v) for v in column.to_pylist())
    return pa.chunked_array([pa.array(values, pa.string())])


def numbers(column: Column, place: Place) -> Column:
    """Weights as float64; empty and NULL, NaN, NA, None are null, any other text (and infinity) a UserError."""
    column = flat(column)
    if pa.types.is_string(column.type):
        column = _without(column, NO_NUMBER)
    values = _attempt(column, lambda part: flat(part.cast(pa.float64())), place, "not a number")
    return _attempt(values, _finite, place, "not a finite number")


def _finite(part: Column) -> Column:
    if pc.any(pc.is_inf(part)).as_py():
        raise pa.ArrowInvalid("infinite")
    return part


def seconds(column: Column, unit: str, place: Place) -> Column:
    """Times as UTC seconds, rounded down; typed timestamps by their type, all else by ``unit`` and nothing else."""
    column = flat(column)
    if pa.types.is_temporal(column.type) and not pa.types.is_time(column.type):
        why = "not a time of the years 1 to 9999; correct it, or leave it empty (null)"
        return _attempt(column, _typed_seconds, place, why)
    if pa.types.is_string(column.type):
        column = _without(column, NO_NUMBER)
        if unit == "iso":
            return _iso_seconds(column, place)
        column = _number_text(column, place)
    elif unit == "iso" and not pa.types.is_null(column.type):
        raise UserError(f"{place.file}: column {place.column!r} holds numbers; timestamp_unit iso is for dates.")
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return _attempt(column.cast(pa.float64()), lambda part: _floored(part, float(UNITS[unit])), place, "not a time")
    if pa.types.is_null(column.type):
        return column.cast(pa.int64())
    return _divided(_attempt(column, lambda part: part.cast(pa.int64()), place, "not a time"), UNITS[unit])


def _floored(part: Column, by: float) -> Column:
    """Raises ArrowInvalid where a value is infinite, or too large for int64."""
    return pc.floor(pc.divide(_finite(part), by)).cast(pa.int64())


def _typed_seconds(column: Column) -> Column:
    """Raises ArrowInvalid where a time is beyond the calendar."""
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    found = _divided(column.cast(pa.int64()), UNITS[column.type.unit])
    first, last = CALENDAR
    if pc.any(pc.or_(pc.less(found, first), pc.greater(found, last))).as_py():
        raise pa.ArrowInvalid("beyond the calendar")
    return found


def _divided(column: Column, by: int) -> Column:
    """Rounded down, for any int64."""
    if by == 1:
        return column
    towards_zero = pc.divide(column, by)
    above = pc.less(column, pc.multiply(towards_zero, by))
    return pc.if_else(above, pc.subtract(towards_zero, 1), towards_zero)


def _number_text(column: Column, place: Place) -> Column:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        why = "not a number; dates need timestamp_unit: iso"
        return _attempt(column, lambda part: flat(part.cast(pa.float64())), place, why)


def _iso_seconds(column: Column, place: Place) -> Column:
    return _attempt(column, _iso, place, "not a date like 2024-05-31, 2024-05-31 12:00:00 or 2024-05-31T12:00:00+02:00")


def _iso(part: Column) -> Column:
    """Dates without a zone are UTC; fractions of a second are dropped."""
    plain = pc.replace_substring_regex(pc.utf8_trim_whitespace(part), r"(:\d\d)\.\d+", r"\1")
    plain = pc.replace_substring_regex(plain, r" ?(UTC|GMT)$", "Z")
    zoned = pc.match_substring_regex(plain, ZONE)
    nothing = pa.scalar(None, pa.string())
    with_zone = pc.if_else(zoned, plain, nothing).cast(pa.timestamp("s", "UTC")).cast(pa.int64())
    without = pc.if_else(zoned, nothing, plain).cast(pa.timestamp("s")).cast(pa.int64())
    return pc.coalesce(with_zone, without)


def _without(column: Column, words: pa.Array) -> Column:
    found = pc.is_in(column, words)
    return pc.if_else(found, pa.scalar(None, pa.string()), column) if pc.any(found).as_py() else column


def _attempt(column: Column, convert: Callable[[Column], Column], place: Place, why: str) -> Column:
    """``convert(column)``, or a UserError that names the first value that cannot be converted."""
    try:
        return convert(column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        index = _first_bad(column, convert)
        raise UserError(f"{place.at(index, python(column[index]))}, which is {why}.") from error


def _first_bad(column: Column, convert: Callable[[Column], Column]) -> int:
    """Index of the first value at which ``convert`` fails, by halving; it is known to fail on the whole."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(column.slice(low, middle - low))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            high = middle
        else:
            low = middle
    return low
