"""What the first lines of a delimited file say about its delimiter and header."""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path

import pyarrow as pa

from recsmith.errors import UserError

DELIMITERS = ("\t", ",", ";", "|", "::", " ")
NEVER_TEXT = ("\t", "::")
NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar", "::": "double colon", " ": "space"}
SAMPLE_BYTES = 1 << 18
SAMPLE_LINES = 500
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
KINDS = ("token", "token_seq", "float", "float_seq")
TYPED = re.compile(rf"[^:]+:({'|'.join(KINDS)})$")


def typed(line: str) -> str | None:
    """The delimiter of RecBole's header (``user_id:token``, ...), or None where the line is none."""
    for delimiter in ("\t", ",", " "):
        if all(TYPED.match(cell.strip()) for cell in line.split(delimiter)):
            return delimiter
    return None


def sample(path: Path, encoding: str = "utf-8", shown: str = "") -> list[str]:
    """The first whole lines of a text file (compressed ones too), without a byte order mark."""
    shown = shown or path.name
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            chunk = stream.read(SAMPLE_BYTES)
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error}.") from error
    whole = len(chunk) < SAMPLE_BYTES
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(chunk, whole).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise not_text(shown, encoding) from error
    lines = re.split(r"\r\n|\n|\r", text)
    lines = lines if whole else lines[:-1]
    return [line for line in lines if line.strip()][:SAMPLE_LINES]


def not_text(shown: str, encoding: str) -> UserError:
    """The error for bytes that are not text in the encoding that was said."""
    return UserError(
        f"{shown} is not text in the encoding {encoding}. Say encoding: latin-1 (or utf-16, cp1252, ...) for this file "
        "in params.yaml: ingest.files; if it is not text at all, ingest.format is wrong."
    )


def fields(line: str, delimiter: str, quote: str | None) -> list[str]:
    """One line taken apart."""
    return rows([line], delimiter, quote)[0]


def rows(lines: list[str], delimiter: str, quote: str | None) -> list[list[str]]:
    """Lines taken apart; a quoted cell may hold delimiters and go over several lines."""
    if len(delimiter) > 1 or not quote or not any(quote in line for line in lines):
        return [line.split(delimiter) for line in lines]
    try:
        found = list(csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, quotechar=quote))
    except csv.Error:
        return [line.split(delimiter) for line in lines]
    cut_off = len(found) > 1 and len(found) < len(lines) and len(found[-1]) < len(found[0])
    return found[:-1] if cut_off else found


def possible(lines: list[str], quote: str | None = '"') -> dict[str, int]:
    """Delimiter -> number of columns, for each that gives all lines the same number, two or more.

    A tab or a double colon at the same places of every line is no text: then nothing else is possible.
    """
    found = {}
    for delimiter in DELIMITERS:
        counts = {len(row) for row in rows(lines, delimiter, quote)}
        if len(counts) == 1 and counts != {1}:
            found[delimiter] = counts.pop()
    sure = {delimiter: found[delimiter] for delimiter in NEVER_TEXT if delimiter in found}
    return sure or found


def spoken(delimiter: str) -> str:
    """A delimiter as a person would write it in YAML, with its name."""
    written = "\\t" if delimiter == "\t" else delimiter
    return f"'{written}' ({NAMES[delimiter]})" if delimiter in NAMES else f"'{written}'"


def is_number(cell: str) -> bool:
    """Whether a cell is a plain number."""
    return bool(NUMBER.match(cell.strip()))


def header(lines: list[str], delimiter: str, quote: str | None = '"') -> bool | None:
    """True where the first line must be names, False where it must be data, None where it could be either.

    Names: some column is all numbers but for its first cell. Data: the first line holds a number.
    """
    first, *rest = rows(lines, delimiter, quote)
    if any(is_number(cell) for cell in first):
        return False
    columns = [[row[n] for row in rest if n < len(row) and row[n].strip()] for n in range(len(first))]
    if any(cells and all(is_number(cell) for cell in cells) for cells in columns):
        return True
    return None
