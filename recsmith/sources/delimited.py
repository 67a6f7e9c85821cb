"""Delimited text (CSV, TSV, ...) with a column map; anything that could be read in two ways is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from recsmith.config.ingest import FileSpec, Ingest
from recsmith.errors import UserError
from recsmith.sources import places, sniff
from recsmith.sources.canonical import REQUIRED, Raw, canonical, table_of
from recsmith.sources.contract import Tables, merged

ONE_BYTE = "\x1f"
BLOCK = 8 << 20


def read(params: Ingest, root: Path) -> Tables:
    """Every file of ``params.files`` (or ``params.path`` itself), in their order."""
    return merged([canonical(load(path, shown, spec), spec) for path, shown, spec in places.given(params, root)])


def load(path: Path, shown: str, spec: FileSpec) -> Raw:
    """The whole file as text columns; UserError where delimiter, header or a line does not fit."""
    lines = sniff.sample(path, spec.encoding, shown)
    if not lines:
        raise UserError(f"{shown} holds no line of text.")
    _other_format(lines[0], shown)
    delimiter = spec.delimiter or _delimiter(lines, shown, spec)
    first = sniff.fields(lines[0], delimiter, spec.quote)
    _more_than_one(first, lines[0], delimiter, shown, spec)
    with_header = _header(lines, delimiter, shown, spec)
    names = _names(first, with_header)
    table = parse(path, shown, spec, delimiter, names, with_header)
    return Raw(table, shown, 2 if with_header else 1, "line")


def _other_format(line: str, shown: str) -> None:
    """Refuse what is plainly another format that also comes as lines."""
    other = "recbole" if sniff.typed(line) else "jsonl" if line.lstrip().startswith('{"') else None
    if other:
        raise UserError(
            f"{shown} is not delimited text; its first line is {line[:80]!r}. "
            f"Say format: {other} in params.yaml: ingest."
        )


def _names(first: list[str], with_header: bool) -> list[str]:
    return [cell.strip() for cell in first] if with_header else [str(n) for n in range(len(first))]


def _delimiter(lines: list[str], shown: str, spec: FileSpec) -> str:
    """The only delimiter that makes sense, those first under which the named columns are found."""
    found = sniff.possible(lines, spec.quote)
    wanted = {spec.columns.get(name, name) for name in REQUIRED[table_of(spec.role)]}
    naming = [d for d in found if wanted <= {cell.strip() for cell in sniff.fields(lines[0], d, spec.quote)}]
    choice = naming or list(found)
    if len(choice) == 1:
        return choice[0]
    if choice:
        ways = ", ".join(f"{sniff.spoken(d)} with {found[d]} columns" for d in choice)
        raise UserError(
            f"{shown} can be read in more than one way: {ways}. Say delimiter for it in params.yaml: ingest.files."
        )
    raise UserError(
        f"{shown}: no delimiter gives every line the same number of columns "
        f"(tried {', '.join(map(sniff.spoken, sniff.DELIMITERS))}). "
        f"Its first line is {lines[0][:120]!r}. Say delimiter for it in params.yaml: ingest.files."
    )


def _header(lines: list[str], delimiter: str, shown: str, spec: FileSpec) -> bool:
    if spec.header is not None:
        return spec.header
    first = [cell.strip() for cell in sniff.fields(lines[0], delimiter, spec.quote)]
    wanted = {spec.columns.get(name, name) for name in REQUIRED[table_of(spec.role)]}
    if wanted <= set(first):
        return True
    looks = sniff.header(lines, delimiter, spec.quote)
    if looks is None:
        raise UserError(
            f"{shown}: the first line, {lines[0][:120]!r}, could be names or data. "
            "Say header: true or header: false for it in params.yaml: ingest.files."
        )
    return looks


def _more_than_one(names: list[str], line: str, delimiter: str, shown: str, spec: FileSpec) -> None:
    if len(names) == 1 and table_of(spec.role) not in ("users", "items"):
        others = [sniff.spoken(d) for d in sniff.DELIMITERS if d != delimiter and d in line]
        hint = f" It holds {' and '.join(others)}: is one of them the delimiter?" if others else ""
        raise UserError(
            f"{shown}: with the delimiter {sniff.spoken(delimiter)} there is only one column. "
            f"Its first line is {line[:120]!r}.{hint}"
        )


def parse(path: Path, shown: str, spec: FileSpec, delimiter: str, names: list[str], with_header: bool) -> pa.Table:
    """The file as strings; empty cells are null; a line with too many or too few cells is a UserError."""
    wrong: list[pyarrow.csv.InvalidRow] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        wrong.append(row)
        return "skip"

    one = delimiter if len(delimiter) == 1 else ONE_BYTE
    options = pyarrow.csv.ParseOptions(
        delimiter=one, quote_char=spec.quote or False, newlines_in_values=bool(spec.quote), invalid_row_handler=note
    )
    reading = pyarrow.csv.ReadOptions(
        use_threads=False, block_size=BLOCK, column_names=names, skip_rows=int(with_header), encoding=spec.encoding
    )
    converting = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
    )
    try:
        with _stream(path, delimiter, spec) as stream:
            table = pyarrow.csv.read_csv(stream, reading, options, converting)
    except UnicodeDecodeError as error:
        raise sniff.not_text(shown, spec.encoding) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(error, shown, spec) from error
    if wrong:
        raise _uneven(wrong[0], shown, delimiter, with_header)
    return table


def _stream(path: Path, delimiter: str, spec: FileSpec) -> pa.NativeFile:
    """The file's bytes, a longer delimiter replaced by one byte."""
    stream = pa.input_stream(str(path), compression="detect")
    if len(delimiter) == 1:
        return stream
    with stream:
        content = stream.read()
    return pa.BufferReader(content.replace(delimiter.encode(spec.encoding), ONE_BYTE.encode(spec.encoding)))


def _uneven(row: pyarrow.csv.InvalidRow, shown: str, delimiter: str, with_header: bool) -> UserError:
    number = f", line {row.number}" if row.number else ""
    quotes = " If quotes in it are ordinary characters, say quote: null for this file." if '"' in row.text else ""
    return UserError(
        f"{shown}{number}: {row.expected_columns} columns are due (delimiter {sniff.spoken(delimiter)}), "
        f"{row.actual_columns} are there: {row.text[:120]!r}.{quotes}"
    )


def _unreadable(error: Exception, shown: str, spec: FileSpec) -> UserError:
    if "UTF8" in str(error) or "UTF-8" in str(error):
        return sniff.not_text(shown, spec.encoding)
    return UserError(f"{shown} cannot be read as delimited text: {error}. If it is compressed, it may be cut off.")
