"""Who serves: promoted or kept as a whole, whatever is killed; rolled back; never a damaged bundle."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from killing import killed
from serving.small_bundles import N_USERS, make_bundle

from recsmith.config.retrain import Promote, Reopen
from recsmith.errors import UserError
from recsmith.files import write_text
from recsmith.retrain import exchange
from recsmith.retrain.champion import (
    Challenger,
    Entry,
    History,
    open_champion,
    promote,
    read_history,
    rollback,
    versions,
)
from recsmith.retrain.contest import judged, lead, reopens
from recsmith.retrain.incumbent import Incumbent, ensure, enter, read_incumbent
from recsmith.serving.bundle import load


def challenger(folder: Path, seed: int) -> Challenger:
    people = [f"u{seed}-{n:02}" for n in range(N_USERS)]
    return Challenger({"bundle": make_bundle(folder / str(seed), ids=people), "best.json": folder / "nowhere"})


def entry(version: int, digest: str, **more: Any) -> Entry:
    return Entry(number=version, action="promoted", version=version, digest=digest, reason="better", **more)


def promoted(folder: Path, made: Challenger, version: int, keep: int = 5) -> History:
    return promote(folder, open_champion(folder), made, entry(version, made.digest), keep)


def serving(folder: Path) -> str:
    return load(folder / "current/bundle").manifest["digest"]


def test_a_promotion_serves_and_is_written_down(tmp_path: Path) -> None:
    one, two = (challenger(tmp_path, seed) for seed in (1, 2))
    promoted(tmp_path / "champion", one, 1)
    history = promoted(tmp_path / "champion", two, 2)
    assert history == read_history(tmp_path / "champion")
    assert (history.version, history.digest, serving(tmp_path / "champion")) == (2, two.digest, two.digest)
    assert all(entry.who and entry.when for entry in history.entries)


def test_rolling_back_serves_what_served_before_and_nothing_is_lost(tmp_path: Path) -> None:
    made = {seed: challenger(tmp_path, seed) for seed in (1, 2, 3)}
    for seed, one in made.items():
        promoted(tmp_path / "champion", one, seed)
    history = rollback(tmp_path / "champion", read_history(tmp_path / "champion"), None)
    assert (history.version, serving(tmp_path / "champion")) == (2, made[2].digest)
    history = rollback(tmp_path / "champion", history, 1)
    assert (history.version, serving(tmp_path / "champion")) == (1, made[1].digest)
    assert [entry.action for entry in history.entries] == ["promoted"] * 3 + ["rolled back"] * 2
    assert history.newest == 3
    with pytest.raises(UserError, match=r"no version 9 to go back to\. Kept: 1, 2, 3"):
        rollback(tmp_path / "champion", history, 9)
    with pytest.raises(UserError, match="version 1 is the champion already"):
        rollback(tmp_path / "champion", history, 1)


def test_as_many_versions_are_kept_as_asked_for(tmp_path: Path) -> None:
    for seed in range(1, 5):
        promoted(tmp_path / "champion", challenger(tmp_path, seed), seed, keep=2)
    assert versions(tmp_path / "champion") == [3, 4]


def test_a_damaged_bundle_is_refused_and_the_champion_stays(tmp_path: Path) -> None:
    one, two = (challenger(tmp_path, seed) for seed in (1, 2))
    promoted(tmp_path / "champion", one, 1)
    digest = two.digest
    tensors = two.files["bundle"] / "model/tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match="was altered"):
        promote(tmp_path / "champion", open_champion(tmp_path / "champion"), two, entry(2, digest), 5)
    assert serving(tmp_path / "champion") == one.digest
    with pytest.raises(UserError, match=r"was judged\. Run the line again"):
        promote(tmp_path / "champion", open_champion(tmp_path / "champion"), one, entry(2, digest), 5)
    assert (read_history(tmp_path / "champion").version, versions(tmp_path / "champion")) == (1, [1])


def test_what_serves_is_mended_from_its_version_at_the_next_start(tmp_path: Path) -> None:
    one = challenger(tmp_path, 1)
    promoted(tmp_path / "champion", one, 1)
    shutil.rmtree(tmp_path / "champion/current/bundle/model")
    open_champion(tmp_path / "champion")
    assert serving(tmp_path / "champion") == one.digest


def test_whoever_reads_finds_a_champion_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = challenger(tmp_path, 1), challenger(tmp_path, 2)
    history, replace, there = promoted(tmp_path / "champion", one, 1), os.replace, list[bool]()

    def watched(*paths: Any) -> None:
        there.append((tmp_path / "champion/current/bundle/manifest.json").is_file())
        replace(*paths)

    monkeypatch.setattr(os, "replace", watched)
    history = promote(tmp_path / "champion", history, two, entry(2, two.digest), 3)
    rollback(tmp_path / "champion", history, None)
    assert serving(tmp_path / "champion") == one.digest
    assert there
    assert all(there)


def test_where_the_system_cannot_exchange_folders_they_are_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange.ctypes, "CDLL", lambda name: SimpleNamespace(renameat2=lambda *given: -1))
    for name in "ab":
        write_text(tmp_path / name / "name", name)
    exchange.exchange(tmp_path / "a", tmp_path / "b")
    assert [(tmp_path / name / "name").read_text() for name in "ab"] == ["b", "a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def promote_and_roll_back(folder: Path, made: list[Challenger]) -> None:
    """What is killed: promotions and rollbacks without end."""
    while True:
        history = open_champion(folder)
        one = made[len(history.entries) % len(made)]
        history = promote(folder, history, one, entry(history.newest + 1, one.digest), 3)
        if history.newest > 1:
            rollback(folder, history, None)


@pytest.mark.slow
@pytest.mark.short
@pytest.mark.timeout(900)
def test_a_kill_leaves_the_champion_before_or_after_and_never_between(tmp_path: Path, full: bool) -> None:
    draw, made = random.Random(3), [challenger(tmp_path, seed) for seed in (1, 2, 3)]
    promoted(tmp_path / "champion", made[0], 1)
    known, seen = {one.digest for one in made}, 0
    for _ in range(40 if full else 8):
        assert killed(draw, 0.4, promote_and_roll_back, tmp_path / "champion", made)
        assert serving(tmp_path / "champion") in known, "before anybody mends it"
        before = read_history(tmp_path / "champion")
        assert [one.number for one in before.entries] != []
        after = open_champion(tmp_path / "champion")
        assert after == before
        assert serving(tmp_path / "champion") == after.digest in known
        left = {path.name for path in (tmp_path / "champion").iterdir()}
        assert left == {"current", "history.json", "versions"}
        assert max(versions(tmp_path / "champion")) <= after.newest
        seen = len(after.entries)
    assert seen > 3


METRICS = {
    "models": {
        "full": {"test": {"ndcg@20": 0.33}},
        "bundle": {"test": {"ndcg@20": 0.30}},
        "ease": {"test": {"ndcg@20": 0.25}},
        "als": {"test": {}},
    },
    "contest": {"metric": "ndcg@20", "version": 0, "digest": None, "challenger": "new"},
}


def against(low: float, high: float) -> dict[str, Any]:
    paired = {"ndcg@20": {"difference": (low + high) / 2, "interval": [low, high], "p": 0.5}}
    values = {"challenger": {"ndcg@20": 0.30}, "champion": {"ndcg@20": 0.29}}
    contest = {**METRICS["contest"], "version": 1, "digest": "old", "metrics": values, "paired": paired}
    return {**METRICS, "contest": contest}


ONE = History(entries=(entry(1, "old"),))
RIVAL = Incumbent(version=1, digest="old", events="log")


def decided(metrics: dict[str, Any], tolerance: float = 0.0, challenger: str = "new") -> Entry:
    metrics["contest"] = {**metrics["contest"], "challenger": challenger}
    return judged(metrics, ONE, RIVAL, challenger, "search", Promote(tolerance=tolerance), Reopen())


def test_the_first_challenger_is_the_champion() -> None:
    first = judged({**METRICS}, History(), Incumbent(events="log"), "new", "search", Promote(), Reopen())
    assert (first.action, first.version, first.events) == ("promoted", 1, "log")
    assert first.lead == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("low", "high", "tolerance", "action", "version"),
    [
        (0.001, 0.02, 0.0, "promoted", 2),
        (-0.001, 0.02, 0.0, "kept", 1),
        (-0.001, 0.02, 0.005, "promoted", 2),
        (-0.02, -0.001, 0.005, "kept", 1),
    ],
)
def test_the_lower_end_of_the_interval_decides(
    low: float, high: float, tolerance: float, action: str, version: int
) -> None:
    found = decided(against(low, high), tolerance)
    assert (found.action, found.version, found.interval) == (action, version, (low, high))
    assert found.digest == ("new" if action == "promoted" else "old")


def test_equal_bytes_are_no_new_version() -> None:
    assert decided(against(0.1, 0.2), challenger="old").action == "kept"


def test_a_contest_of_another_day_is_refused() -> None:
    with pytest.raises(UserError, match="measured against version 1, the incumbent is version 2"):
        judged(against(0, 1), ONE, Incumbent(version=2, digest="x"), "new", "search", Promote(), Reopen())
    with pytest.raises(UserError, match="measured another bundle"):
        judged(against(0, 1), ONE, RIVAL, "newer", "search", Promote(), Reopen())
    with pytest.raises(UserError, match="the champion is version 0"):
        judged(against(0, 1), History(), RIVAL, "new", "search", Promote(), Reopen())


def leads(*values: float, search: str = "s") -> list[Entry]:
    return [entry(number, "d", lead=value, search=search) for number, value in enumerate(values, start=1)]


def test_the_search_is_opened_again_after_so_many_nights_below_its_lead() -> None:
    rule = Reopen(retained=0.95, nights=2)
    assert not reopens(leads(1.2, 1.1), rule)
    assert reopens(leads(1.2, 1.1, 1.1), rule)
    assert not reopens(leads(1.2, 1.1, 1.19), rule)
    assert not reopens([*leads(1.2, 1.1), *leads(1.1, search="other")], rule)
    opened = [*leads(1.2, 1.1), entry(3, "d", lead=1.1, search="s", reopens=True)]
    assert not reopens([*opened, *leads(1.1, 1.1)], rule), "what the new search finds is the new measure"
    assert lead({"bundle": {"test": {"m": 1.0}}, "als": {"test": {}}}, "m") is None


def test_a_search_that_was_to_be_opened_again_stays_due_until_a_contest_follows() -> None:
    opened = History(entries=(entry(1, "d", reopens=True),))
    back = entry(2, "d").model_copy(update={"action": "rolled back"})
    assert opened.reopening
    assert History(entries=(*opened.entries, back)).reopening
    assert not History(entries=(*opened.entries, entry(2, "d"))).reopening
    assert not History().reopening


def test_the_champion_enters_the_line_whole(tmp_path: Path) -> None:
    folder = tmp_path / "incumbent"
    ensure(folder)
    assert read_incumbent(folder) == Incumbent()
    one = challenger(tmp_path, 1)
    promoted(tmp_path / "champion", one, 1)
    enter(folder, tmp_path / "champion/versions/1", Incumbent(version=1, digest=one.digest, events="log"))
    ensure(folder)
    assert read_incumbent(folder).version == 1
    assert load(folder / "bundle").manifest["digest"] == one.digest
    shutil.rmtree(folder)
    (tmp_path / "incumbent.dvc").touch()
    with pytest.raises(UserError, match="bring it with `dvc pull"):
        ensure(folder)
