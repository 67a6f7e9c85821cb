"""Drift in numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from events_of import DAY, START, Event, events, table

from recsmith.config.retrain import Drift
from recsmith.files import read_json
from recsmith.retrain import log as event_log
from recsmith.retrain import night, untold
from recsmith.retrain.drift import Report, compare, divergence, excess
from recsmith.retrain.drift_page import render


def test_the_divergence_is_that_of_jensen_and_shannon() -> None:
    assert divergence(np.array([1, 1]), np.array([5, 5])) == pytest.approx(0.0)
    assert divergence(np.array([3, 0]), np.array([0, 4])) == pytest.approx(1.0)
    # (1/2, 1/2) and (1, 0): the middle is (3/4, 1/4); its entropy less the mean of 1 and 0 bits.
    entropy = -(0.75 * log2(0.75) + 0.25 * log2(0.25))
    assert divergence(np.array([2, 2]), np.array([7, 0])) == pytest.approx(entropy - 0.5)
    assert divergence(np.array([0, 0]), np.array([1, 0])) == 0.0


def test_what_chance_gives_is_taken_off() -> None:
    random = np.random.default_rng(1)
    shares = np.full(200, 1 / 200)
    same = [excess(random.multinomial(100, shares), random.multinomial(1000, shares)) for _ in range(20)]
    assert np.mean(same) < 0.05
    assert divergence(random.multinomial(100, shares), random.multinomial(1000, shares)) > 0.15
    assert excess(np.array([0, 90]), np.array([90, 0])) > 0.9


def test_a_handful_of_events_of_the_usual_kinds_is_no_drift() -> None:
    random, shares = np.random.default_rng(1), [0.6, 0.3, 0.1]
    few = [excess(random.multinomial(3, shares), random.multinomial(900, shares)) for _ in range(100)]
    assert sum(value > Drift().events for value in few) <= 5


def found(new: Sequence[Event], before: Sequence[Event], usual: float | None = None) -> Report:
    known = table(before)
    users, items = (pa.array(sorted(set(known[name].to_pylist()))) for name in ("user_id", "item_id"))
    return compare(table(new), known, users, items, usual, Drift())


def values(report: Report) -> dict[str, float]:
    return {finding.name: finding.value for finding in report.findings}


def test_volume_population_and_unseen_items_are_counted() -> None:
    new = [("u0", "i0", START, 1.0, "view"), ("new", "i0", START, 1.0, "view"), ("new", "other", START, 1.0, "view")]
    numbers = values(found(new, events(40), usual=12))
    assert numbers["volume"] == 4.0
    assert numbers["population"] == 1 / 2
    assert numbers["unseen"] == pytest.approx(1 / 3)
    assert values(found(events(24), events(40), usual=12))["volume"] == 2.0


def test_equal_windows_have_not_drifted_and_turned_ones_have() -> None:
    before = [(f"u{n % 9}", f"i{n % 5}", START + n * 3600, 1.0, "view") for n in range(480)]
    same = [(user, item, time + 480 * 3600, weight, event) for user, item, time, weight, event in before]
    assert found(same, before).drifted == []
    turned = [(user, f"i{n % 2}", time - time % DAY, 1.0, "buy") for n, (user, _, time, *_) in enumerate(same)]
    assert [finding.name for finding in found(turned, before).drifted] == ["popularity", "events", "hours"]


def test_the_picture_shows_every_finding_and_escapes_what_came_from_outside() -> None:
    report = found([("u0", "<script>", START, 1.0, "view")] * 9, events(40), usual=40)
    page = render(report)
    assert all(f"<td>{finding.name}</td>" in page for finding in report.findings)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page


def test_a_night_reports_what_no_report_has_shown(tmp_path: Path) -> None:
    log = event_log.append(tmp_path, event_log.Log(), "a", "a", table(events(100)))
    night.drift(tmp_path, log, 1, tmp_path / "work", Drift())
    assert untold.read(tmp_path / "work")["drift"] == {}
    log = event_log.append(tmp_path, log, "b", "b", table([("new", "z", START + DAY, 1.0, "view")] * 1))
    night.drift(tmp_path, log, 1, tmp_path / "work", Drift())
    assert set(untold.read(tmp_path / "work")["drift"]) >= {"population", "unseen"}
    assert read_json(tmp_path / "work/drift.json")["parts"] == 2
    assert (tmp_path / "work/drift.html").exists()
