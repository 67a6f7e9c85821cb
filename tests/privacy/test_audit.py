"""The audit log shows what was done and that nobody changed it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recsmith.errors import UserError
from recsmith.privacy import audit
from recsmith.privacy.keys import Key

KEY = Key("K", b"a key that nobody guesses")
PEOPLE = frozenset({"aa", "bb"})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    for who, what in (("aa", "begun"), ("aa", "forgotten"), ("bb", "begun")):
        audit.append(tmp_path / "audit.jsonl", {"person": who, "what": what}, KEY)
    return tmp_path / "audit.jsonl"


def test_a_log_that_nobody_changed_is_proven(log: Path) -> None:
    assert audit.verify(log, PEOPLE, KEY) == 3
    assert [entry["what"] for entry in audit.read(log)] == ["begun", "forgotten", "begun"]
    assert audit.verify(log.with_name("none"), frozenset(), KEY) == 0


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("change", ["altered", "left out", "doubled", "no entry"])
def test_a_line_that_was_altered_left_out_or_put_in_is_named(log: Path, line: int, change: str) -> None:
    lines = log.read_text().splitlines()
    entry = json.loads(lines[line])
    changed = {
        "altered": [json.dumps(entry | {"what": "nothing"})],
        "left out": [],
        "doubled": [lines[line]] * 2,
        "no entry": ["hello"],
    }[change]
    log.write_text("".join(f"{text}\n" for text in [*lines[:line], *changed, *lines[line + 1 :]]))
    last_one_missing = change == "left out" and line == 2
    with pytest.raises(
        UserError, match="at the end of the log are missing" if last_one_missing else r"audit.jsonl, line"
    ):
        audit.verify(log, PEOPLE, KEY)


def test_who_has_no_key_can_neither_verify_nor_chain_a_line_of_their_own(log: Path) -> None:
    stranger = Key("K", b"another key, quite as long")
    with pytest.raises(UserError, match=f"was written under the key {KEY.fingerprint}"):
        audit.verify(log, PEOPLE, stranger)
    audit.append(log, {"person": "bb", "what": "forgotten"}, stranger)
    log.write_text(log.read_text().replace(stranger.fingerprint, KEY.fingerprint))
    with pytest.raises(UserError, match="line 4 was altered"):
        audit.verify(log, PEOPLE, KEY)
