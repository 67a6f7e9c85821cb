"""How one file of a person's own is to be read: delimiter, header, columns, unit of time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from recsmith.config.ingest import FileSpec, Role
from recsmith.errors import UserError
from recsmith.sources import meanings, sniff
from recsmith.sources.canonical import REQUIRED, table_of
from recsmith.sources.look import Look, taken_apart
from recsmith.tables import columns as c

Ask = Callable[[str, Sequence[str], str], str]
"""(question, options with the likeliest first, the option of the command that answers it) -> one of the options."""
NONE = "none"
SHOWN = 3
ANYTHING = ("id", "name", "title", NONE)
"""Names of columns that mean one thing in one file and another in the next."""
IN_ORDER = {"social": (c.SOURCE_USER, c.TARGET_USER, c.WEIGHT), "knowledge": (c.HEAD, c.RELATION, c.TAIL)}
"""How pairs and triples without a header are always written."""


@dataclass(frozen=True)
class Hints:
    """What the person said beforehand; files by their name."""

    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    """File name (or '' for all interactions) -> canonical name -> column."""
    roles: dict[str, str] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    delimiters: dict[str, str] = field(default_factory=dict)
    """These three: file name (or '' for all) -> what was said."""
    headers: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    def files(self) -> list[str]:
        """Every file that is named."""
        said = (self.columns, self.roles, self.events, self.delimiters, self.headers, self.units)
        return [name for group in said for name in group if name]

    def of(self, seen: Look, role: str) -> dict[str, str]:
        """The columns that were said for one file; what was said for none is looked for where it can stand."""
        general, table = self.columns.get("", {}), table_of(role)
        if table == "interactions":
            beside = set(meanings.WORDS["items"]) - set(meanings.WORDS[table])
            general = {name: column for name, column in general.items() if name not in beside}
        else:
            here = seen.names if seen.header is not False else ()
            general = {n: column for n, column in general.items() if n in meanings.WORDS[table] and column in here}
        return general | self.columns.get(seen.path.name, {})

    def called(self, name: str) -> set[str]:
        """The columns of any file that were said to be ``name``, but for those that say nothing elsewhere."""
        said = {columns[name] for columns in self.columns.values() if name in columns}
        return {column for column in said if not column.isdigit() and meanings.plain(column) not in ANYTHING}


def understood(seen: Look, hints: Hints, ask: Ask) -> Look:
    """Delimited text with its delimiter and header settled; anything else as it is."""
    if seen.format != "delimited":
        return seen
    delimiter = _said(hints.delimiters, seen) or _delimiter(seen, ask)
    if delimiter is None:
        return seen
    first = [cell.strip() for cell in sniff.fields(seen.lines[0], delimiter, '"')]
    said = _said(hints.headers, seen)
    return taken_apart(seen, delimiter, said == "yes" if said else _header(seen, first, delimiter, ask))


def _said(group: dict[str, str], seen: Look) -> str | None:
    return group.get(seen.path.name, group.get(""))


def _delimiter(seen: Look, ask: Ask) -> str | None:
    choice = list(seen.delimiters)
    naming = [d for d in choice if _clean_names(sniff.fields(seen.lines[0], d, '"'))]
    choice = naming or choice
    if len(choice) < 2:
        return next(iter(choice), None)
    written = {sniff.spoken(d): d for d in choice}
    question = f"{seen.path.name} (first line {seen.lines[0][:80]!r}): what separates its columns?"
    return written[ask(question, list(written), f"--delimiter {seen.path.name}=','")]


def _clean_names(cells: Sequence[str]) -> bool:
    """Whether these are column names, some known, none with another delimiter in it."""
    return meanings.known(cells) and all(re.fullmatch(r"\s*[\w .:()'-]+\s*", cell) for cell in cells)


def _header(seen: Look, first: list[str], delimiter: str, ask: Ask) -> bool:
    if meanings.known(first):
        return True
    looks = sniff.header(list(seen.lines), delimiter)
    if looks is not None:
        return looks
    question = f"{seen.path.name}: is the first line, {seen.lines[0][:80]!r}, a line of names?"
    return ask(question, ("yes", "no"), f"--header {seen.path.name}=yes") == "yes"


def spec(seen: Look, role: Role, file: str, hints: Hints, ask: Ask, said: list[str]) -> FileSpec:
    """The file's entry in ``ingest.files``."""
    if seen.format == "lightgcn":
        said.append(f"{seen.path.name}: LightGCN text (user item item ...), role {role}.")
        return FileSpec(file=file, role=role, format="lightgcn")
    columns = _columns(seen, role, hints, ask)
    unit = _unit(seen, columns, hints, ask)
    if unit == NONE:
        del columns[c.TIMESTAMP]
    said.append(_sentence(seen, role, columns, unit))
    keys: dict[str, object] = {"file": file, "role": role, "format": seen.format, "columns": columns}
    if seen.format == "delimited":
        keys |= {"delimiter": seen.delimiter, "header": seen.header, "encoding": seen.encoding}
    if unit not in (None, NONE):
        keys["timestamp_unit"] = unit
    return FileSpec.model_validate(keys)


def _sentence(seen: Look, role: str, columns: dict[str, str], unit: str | None) -> str:
    separated = f", separated by {sniff.spoken(seen.delimiter)}" if seen.delimiter else ""
    header = "" if seen.header is not False else ", no header"
    named = ", ".join(f"{name} = {source!r}" for name, source in columns.items())
    times = f"; times in {unit}" if unit not in (None, NONE) else ""
    return f"{seen.path.name}: {seen.format}{separated}{header}, role {role}: {named}{times}."


def _columns(seen: Look, role: Role, hints: Hints, ask: Ask) -> dict[str, str]:
    """Canonical name -> column, those said first, then by name, then asked."""
    table = table_of(role)
    said = hints.of(seen, role)
    _check_said(seen, said)
    found, prefix = dict(said), "" if table == "interactions" else f"{seen.path.name}:"
    if seen.header is False and table in IN_ORDER and not said:
        return dict(zip(IN_ORDER[table], seen.names, strict=False))
    for name, words in meanings.WORDS[table].items():
        if name in found:
            continue
        left = [column for column in seen.names if column not in found.values()]
        matching, due = meanings.matches(left, words), name in REQUIRED[table]
        matching = matching or [column for column in left if due and column in hints.called(name)]
        column = _column(seen, name, matching, left, due, said, prefix, ask)
        if column is not None:
            found[name] = column
    ordered = (name for name in (*meanings.WORDS[table], *said) if name in found)
    return {name: found[name] for name in ordered if found[name] != NONE}


def _check_said(seen: Look, said: dict[str, str]) -> None:
    for name, column in said.items():
        if column not in (*seen.names, NONE):
            raise UserError(
                f"--column {name}={column}: {seen.path.name} has no such column. It has: {', '.join(seen.names)}."
            )


def _column(
    seen: Look, name: str, matching: list[str], left: list[str], due: bool, said: dict[str, str], prefix: str, ask: Ask
) -> str | None:
    """The column that means ``name``; asked where several may, or where it is due and none does."""
    if len(matching) == 1:
        return matching[0]
    if seen.header is False and name == c.TIMESTAMP:
        return next((column for column in left if meanings.looks_like_time(seen.column(column))), None)
    options = matching or (
        left if due else _by_values(seen, name, left) or ([] if said else _unnamed(seen, name, left))
    )
    if not options:
        if due:
            raise UserError(f"{seen.path.name} has too few columns: none is left for {name}.")
        return None
    if not due:
        sure = matching or name in (c.TIMESTAMP, c.EVENT)
        options = [*options, NONE] if sure else [NONE, *options]
    shown = "; ".join(f"{column!r}: {_examples(seen, column)}" for column in options if column != NONE)
    question = f"{seen.path.name}: which column is the {name}? {shown}"
    answer = ask(question, options, f"--column {prefix}{name}={options[0]}")
    return None if answer == NONE else answer


def _by_values(seen: Look, name: str, left: list[str]) -> list[str]:
    """Columns whose values, not their names, look like the times or the events of interactions."""
    if name == c.TIMESTAMP:
        return [column for column in left if meanings.looks_like_time(seen.column(column))]
    if name == c.EVENT:
        return [column for column in left if meanings.looks_like_events(seen.column(column))]
    return []


def _unnamed(seen: Look, name: str, left: list[str]) -> list[str]:
    """Columns of a file without a header that may be a weight or a title."""
    if seen.header is not False or name not in (c.WEIGHT, c.TITLE):
        return []
    return [column for column in left if _numeric(seen, column) == (name == c.WEIGHT)]


def _numeric(seen: Look, column: str) -> bool:
    return all(sniff.is_number(str(value)) for value in seen.column(column))


def _examples(seen: Look, column: str) -> str:
    values = list(dict.fromkeys(str(value)[:30] for value in seen.column(column)))
    return ", ".join(values[:SHOWN])


def _unit(seen: Look, columns: dict[str, str], hints: Hints, ask: Ask) -> str | None:
    """The unit of the file's times; None where it has none."""
    if c.TIMESTAMP not in columns:
        return None
    said = _said(hints.units, seen)
    if said:
        return said
    unit = meanings.unit_of(seen.column(columns[c.TIMESTAMP]))
    if unit is not None:
        return unit
    examples = _examples(seen, columns[c.TIMESTAMP])
    question = f"{seen.path.name}: in which unit is {columns[c.TIMESTAMP]!r} ({examples})? none: leave it out."
    return ask(question, (NONE, "s", "ms", "us", "ns", "iso"), "--timestamp-unit s")
