"""A lock has one holder, is free when its process is gone, and says who holds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recsmith.locks import Busy, Holder, held, holder, words_of

HOLD = """
import sys, time
from pathlib import Path
from recsmith.locks import held
with held(Path(sys.argv[1]), {"what": "a long run"}, 0):
    print("in", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def elsewhere(path: Path, seconds: float) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "in\n"
    return child


def test_the_holder_is_named_while_it_holds_and_not_after(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.lock"
    assert holder(path) is None
    with held(path, {"what": "this"}, 0):
        found = holder(path)
        assert found is not None
        assert (found["what"], set(found)) == ("this", {"what", "pid", "since"})
    assert holder(path) is None
    assert words_of(path)["what"] == "this"


def test_a_second_one_is_refused_with_the_words_of_the_first(tmp_path: Path) -> None:
    child = elsewhere(tmp_path / "x.lock", 60)
    try:
        with pytest.raises(Busy) as refused, held(tmp_path / "x.lock", {}, 0.2):
            raise AssertionError("held twice")
        assert (refused.value.holder["pid"], refused.value.holder["what"]) == (child.pid, "a long run")
    finally:
        child.kill()
        child.communicate()


def test_a_killed_holder_leaves_a_free_lock(tmp_path: Path) -> None:
    child = elsewhere(tmp_path / "x.lock", 60)
    child.kill()
    child.communicate()
    assert holder(tmp_path / "x.lock") is None
    with held(tmp_path / "x.lock", {}, 0):
        assert holder(tmp_path / "x.lock") is not None


def test_one_who_waits_is_told_for_whom_and_then_has_it(tmp_path: Path) -> None:
    child, told = elsewhere(tmp_path / "x.lock", 2), list[Holder]()
    with held(tmp_path / "x.lock", {}, -1, told.append):
        assert child.wait(timeout=10) == 0
    child.communicate()
    assert [words["pid"] for words in told] == [child.pid]


def test_words_that_cannot_be_read_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("half a li", encoding="utf-8")
    assert words_of(tmp_path / "x.lock") == {}
