"""A tree of choices as independent ones, and back: the form in which ``nni.nas`` samples, mutates and learns.

A knob that stands in several branches with the same values is one choice, so that a mutation of the operator keeps the
dropout. Choices that a sample's other choices make idle are ignored on the way back; so samples that differ in idle
choices alone give the same proposal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recsmith.search.tree import Tree, branch

Value = bool | int | float | str
Named = tuple[str, tuple[Value, ...]]
"""A knob and the names of its values."""


class Encoding:
    """The independent choices of a tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.labels: dict[Named, str] = {}
        """Each different knob -> its label: its name, numbered where knobs of one name take different values."""
        for knob in _knobs(tree):
            alike = sum(name == knob[0] for name, _ in self.labels)
            self.labels.setdefault(knob, knob[0] if not alike else f"{knob[0]}.{alike + 1}")

    @property
    def choices(self) -> dict[str, list[Value]]:
        """Label -> values, of every choice that leaves one."""
        return {label: list(values) for (_, values), label in self.labels.items() if len(values) > 1}

    def decode(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The proposal that a value for every label stands for."""
        return self._decode(self.tree, sample)

    def _decode(self, tree: Tree, sample: dict[str, Any]) -> dict[str, Any]:
        proposal: dict[str, Any] = {}
        for name, knob in tree.items():
            values = {_name(value): value for value in knob["_value"]}
            chosen = sample.get(self.labels[name, tuple(values)], next(iter(values)))
            value = values[chosen]
            is_branch = isinstance(value, dict)
            proposal[name] = {"_name": chosen, **self._decode(branch(value), sample)} if is_branch else value
        return proposal


def _knobs(tree: Tree) -> Iterator[Named]:
    """All knobs of a tree, those below a value after it."""
    for name, knob in tree.items():
        yield name, tuple(_name(value) for value in knob["_value"])
        for value in knob["_value"]:
            yield from _knobs(branch(value))


def _name(value: Any) -> Value:
    return value["_name"] if isinstance(value, dict) else value
