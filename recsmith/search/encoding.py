"""A tree of choices as independent ones, and back: the form in which strategies mutate, learn and move.

A knob that stands in several branches with the same values is one choice, so that a mutation of the operator keeps the
dropout. Choices that a sample's other choices make idle are ignored on the way back; so samples that differ in idle
choices alone give the same proposal.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from recsmith.search.tree import Tree, below, branch

Value = bool | int | float | str
Named = tuple[str, tuple[Value, ...]]
"""A knob and the names of its values."""


Parents = dict[str, list[Value]]
"""Choices and the values of theirs below which another choice stands."""


class Encoding:
    """The independent choices of a tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.labels: dict[Named, str] = {}
        """Each different knob -> its label: its name, numbered where knobs of one name take different values."""
        for knob in _knobs(tree):
            alike = sum(name == knob[0] for name, _ in self.labels)
            self.labels.setdefault(knob, knob[0] if not alike else f"{knob[0]}.{alike + 1}")

    @cached_property
    def choices(self) -> dict[str, list[Value]]:
        """Label -> values, of every choice that leaves one."""
        return {label: list(values) for (_, values), label in self.labels.items() if len(values) > 1}

    @cached_property
    def parents(self) -> dict[str, Parents]:
        """Label -> what must have been chosen for it to be made: one of these; choices that are always made have none.

        A choice that stands at the top of the tree, or below something that leaves no choice, is always made.
        """
        found: dict[str, Parents | None] = {label: {} for label in self.choices}
        self._note(self.tree, None, found)
        return {label: parents for label, parents in found.items() if parents}

    def _note(self, tree: Tree, above: tuple[str, Value] | None, found: dict[str, Parents | None]) -> None:
        for name, knob in tree.items():
            label = self.label(name, knob)
            if label in found:
                found[label] = _joined(found[label], above)
            for value in knob["_value"]:
                chosen = (label, _name(value)) if label in found else above
                self._note(branch(value), chosen, found)

    def encode(self, proposal: dict[str, Any]) -> dict[str, Value]:
        """Label -> value, of the choices that a proposal makes."""
        return {label: value for label, value in self._encode(self.tree, proposal) if label in self.choices}

    def _encode(self, tree: Tree, proposal: dict[str, Any]) -> Iterator[tuple[str, Value]]:
        for name, knob in tree.items():
            yield self.label(name, knob), _name(proposal[name])
            yield from self._encode(below(knob, proposal[name]), branch(proposal[name]))

    def label(self, name: str, knob: dict[str, Any]) -> str:
        """The label of a knob of the tree."""
        return self.labels[name, tuple(map(_name, knob["_value"]))]

    def decode(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The proposal that a value for every label stands for."""
        return self._decode(self.tree, sample)

    def _decode(self, tree: Tree, sample: dict[str, Any]) -> dict[str, Any]:
        proposal: dict[str, Any] = {}
        for name, knob in tree.items():
            values = {_name(value): value for value in knob["_value"]}
            chosen = sample.get(self.label(name, knob), next(iter(values)))
            value = values[chosen]
            is_branch = isinstance(value, dict)
            proposal[name] = {"_name": chosen, **self._decode(branch(value), sample)} if is_branch else value
        return proposal


def _joined(parents: Parents | None, above: tuple[str, Value] | None) -> Parents | None:
    """Parents and one more; None once there is a place without any."""
    if parents is None or above is None:
        return None
    label, value = above
    values = parents.get(label, [])
    return {**parents, label: values if value in values else [*values, value]}


def _knobs(tree: Tree) -> Iterator[Named]:
    """All knobs of a tree, those below a value after it."""
    for name, knob in tree.items():
        yield name, tuple(_name(value) for value in knob["_value"])
        for value in knob["_value"]:
            yield from _knobs(branch(value))


def _name(value: Any) -> Value:
    return value["_name"] if isinstance(value, dict) else value
