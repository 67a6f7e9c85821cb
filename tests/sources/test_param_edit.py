"""A parameter file is changed where it must change and nowhere else."""

from __future__ import annotations

import pytest

from recsmith.config.edit import parsed, with_key, with_section
from recsmith.errors import UserError

TEXT = """# top
a:
  x: 1   # one
  deep: {y: 2}

# about b
b: {k: old, l: 2}  # flow

# about c
c:
  # inside
  k: 'old'  # quoted
"""


def test_a_section_is_replaced_and_the_comment_of_the_next_stays() -> None:
    text = with_section(TEXT, "a", {"z": [1, 2], "m": {"n": 3}})
    assert text == TEXT.replace("  x: 1   # one\n  deep: {y: 2}\n", "  z:\n    - 1\n    - 2\n  m: {n: 3}\n")


def test_the_last_section_and_a_missing_one() -> None:
    assert parsed(with_section(TEXT, "c", {"k": "new"}))["c"] == {"k": "new"}
    assert with_section(TEXT, "d", {"k": 1}) == TEXT + "\nd:\n  k: 1\n"
    assert with_section("", "d", {"k": 1}) == "d:\n  k: 1\n"


@pytest.mark.parametrize("section", ["b", "c"])
def test_a_key_changes_in_place(section: str) -> None:
    old = "k: old" if section == "b" else "k: 'old'"
    assert with_key(TEXT, section, "k", "new") == TEXT.replace(old, "k: new")


def test_a_new_key_joins_its_section() -> None:
    assert with_key(TEXT, "b", "n", "new") == TEXT.replace("{k: old", "{n: new, k: old")
    assert with_key(TEXT, "c", "n", "new") == TEXT + "  n: new\n"
    assert with_key(TEXT, "a", "n", "new") == TEXT.replace("deep: {y: 2}\n", "deep: {y: 2}\n  n: new\n")
    assert parsed(with_key(TEXT, "e", "n", "new"))["e"] == {"n": "new"}
    assert parsed(with_key("e:\n", "e", "n", "new"))["e"] == {"n": "new"}


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n"])
def test_what_is_no_parameter_file_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="parameter file"):
        with_section(text, "a", {})
