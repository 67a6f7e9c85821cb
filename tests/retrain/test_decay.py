"""The log replayed: a model that is left alone falls behind where tastes change, and retraining wins it back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from events_of import START, Event, table

from recsmith.__main__ import main
from recsmith.engine.fit import FitSettings
from recsmith.errors import UserError
from recsmith.files import read_json, write_json
from recsmith.model.architecture import Filter, Gnn
from recsmith.retrain import log as event_log
from recsmith.retrain.decay import Replay, Row, won_back

SETTINGS = FitSettings(device="cpu", threads=1, max_epochs=4, patience=2, metric="ndcg@5", batch_size=64)
NEIGHBOURS = Filter(kind="neighbours", neighbours=20)


def turning(n: int = 900, seed: int = 0) -> list[Event]:
    """People come for a while; the items of each season are other ones, and groups of people like the same of them."""
    random = np.random.default_rng(seed)
    found = []
    for k in range(n):
        season = k * 6 // n
        user = season * 20 + random.integers(40)
        item = season * 12 + (user % 3) * 6 + random.integers(9)
        found.append((f"u{user}", f"i{item}", START + 60 * k, 1.0, "view"))
    return found


def rows(winner: Gnn | Filter, windows: int = 3) -> list[Row]:
    return list(Replay(table(turning()), windows, 0.4, SETTINGS).rows(winner))


def test_what_is_left_as_it_was_falls_behind_and_retraining_wins_it_back() -> None:
    found = rows(NEIGHBOURS)
    assert [(row.window, row.way) for row in found] == [(w, way) for w in (1, 2, 3) for way in ("left", "cold")]
    gains = won_back(found, "cold")
    assert gains[0] == 0.0, "before the first window they are one model"
    assert min(gains[1:]) > 0.05


def test_a_network_is_also_gone_on_with_from_the_window_before() -> None:
    found = rows(Gnn(operators=("lightgcn",), dimension=8, learning_rate=0.05), windows=2)
    assert [row.way for row in found] == ["left", "cold", "warm"] * 2
    first = {row.way: row.value for row in found[:3]}
    assert first["left"] == first["cold"] == first["warm"]
    assert all(row.epochs >= 1 for row in found if row.way != "left")
    assert found[3].epochs == 0, "nothing was trained for what was left as it was"
    assert found == [*rows_without_time(found)]


def rows_without_time(found: list[Row]) -> list[Row]:
    """The same again, with the seconds of ``found``: all else repeats."""
    again = rows(Gnn(operators=("lightgcn",), dimension=8, learning_rate=0.05), windows=2)
    return [Row(**{**vars(new), "seconds": old.seconds}) for new, old in zip(again, found, strict=True)]


def test_too_few_events_are_refused() -> None:
    with pytest.raises(UserError, match=r"30 events are too few .*retrain\.decay\.windows"):
        Replay(table(turning(30)), 5, 0.5, SETTINGS)


def test_the_command_writes_numbers_and_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("run: {threads: 1}\nretrain: {decay: {windows: 2}}\n", encoding="utf-8")
    assert main(["decay"]) == 1
    assert "data/events holds no events" in capsys.readouterr().err
    event_log.append(tmp_path / "data/events", event_log.Log(), "a", "a", table(turning()))
    assert main(["decay"]) == 1
    assert "data/search/best.json" in capsys.readouterr().err
    write_json(tmp_path / "data/search/best.json", {})
    assert main(["decay"]) == 1
    assert "describes no winner" in capsys.readouterr().err
    best = {"architecture": NEIGHBOURS.model_dump(mode="json"), "settings": {"metric": "ndcg@5"}}
    write_json(tmp_path / "data/search/best.json", best)
    assert main(["decay", "--out", "out"]) == 0
    assert len(read_json(tmp_path / "out/decay.json")["rows"]) == 4
    assert len((tmp_path / "out/decay.csv").read_text(encoding="utf-8").splitlines()) == 5
    assert "<polyline" in (tmp_path / "out/decay.html").read_text(encoding="utf-8")
