from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searches import counted, eventually, task, tastes

from recsmith import guard
from recsmith.search import attempt, choose, store
from recsmith.search.plain import search
from recsmith.search.progress import Progress
from recsmith.search.store import Store
from recsmith.search.task import Task

METRIC = "ndcg@20"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


def outs(described: Task, folder: Path) -> dict[str, bytes]:
    rows = choose.candidates(described, search(described), [])
    choose.write(folder, described, rows, choose.crown(rows, METRIC, 60, 40))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_finished_trial_is_never_trained_twice(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = counted(monkeypatch)
    described = task(data, tmp_path / "work", strategy="evolution", trials=6)
    first = outs(described, tmp_path / "first")
    assert len(fitted) == len(set(fitted)) > 0
    before = len(fitted)
    assert outs(described, tmp_path / "second") == first
    assert len(fitted) == before
    outs(task(data, tmp_path / "work", strategy="evolution", trials=7), tmp_path / "more")
    assert len(fitted) == len(set(fitted)) <= before + 1


def test_an_interrupted_search_ends_where_an_undisturbed_one_would(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = task(data, tmp_path / "disturbed", trials=5)
    shown = []

    def stop(answer: store.Answer) -> None:
        shown.append(answer)
        if len(shown) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(described, stop)
    fitted = counted(monkeypatch)
    disturbed = outs(described, tmp_path / "out1")
    assert len(fitted) == 2
    assert disturbed == outs(task(data, tmp_path / "undisturbed", trials=5), tmp_path / "out2")


def test_outs_hold_no_path_and_no_duration(data: Path, tmp_path: Path) -> None:
    for content in outs(task(data, tmp_path / "work"), tmp_path / "out").values():
        assert str(tmp_path) not in content.decode()
        assert "seconds" not in content.decode()


def test_a_failed_trial_is_recorded_with_its_traceback_shown_and_tried_again_next_time(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described, lines, calls = task(data, tmp_path / "work", trials=3), [], []
    inner = attempt._fitted

    def second_fails(task: Task, candidate: Any, key: str) -> Any:
        calls.append(key)
        if len(calls) == 2:
            raise RuntimeError("planted")
        return inner(task, candidate, key)

    monkeypatch.setattr(attempt, "_fitted", second_fails)
    answers = search(described, Progress(described, lines.append).show)
    record = Store(Path(described.folder)).load(answers[1].key)
    assert record is not None
    assert (record.status, answers[1].value) == ("failed", 0.0)
    assert 'raise RuntimeError("planted")' in (record.error or "")
    assert any("Traceback" in line and "planted" in line for line in lines)
    assert [line for line in lines if line.startswith("[2/3] failed (best ")]
    again = search(described)
    assert len(calls) == 4
    assert [answer.known for answer in again] == [True, False, True]
    assert again[1].value > 0


def test_the_console_shows_place_metric_best_and_candidate(data: Path, tmp_path: Path) -> None:
    described, lines = task(data, tmp_path / "work", trials=2, preset="filters"), []
    progress = Progress(described, lines.append)
    answers = search(described, progress.show)
    values = [answer.value for answer in answers]
    assert lines[0].startswith(f"[1/2] {METRIC} {values[0]:.4f} (best {values[0]:.4f})  filter ")
    assert lines[1].startswith(f"[2/2] {METRIC} {values[1]:.4f} (best {max(values):.4f})  filter ")
    progress.show(answers[1])
    assert len(lines) == 2


def test_other_data_other_metric_and_other_budget_share_no_records(data: Path, tmp_path: Path) -> None:
    other = tastes(tmp_path / "other", seed=4)
    tasks = [
        task(data, tmp_path),
        task(other, tmp_path),
        task(data, tmp_path, metric="recall@5"),
        task(data, tmp_path, max_epochs=3),
    ]
    assert len({described.folder for described in tasks}) == len(tasks)
    assert task(data, tmp_path).folder == task(data, tmp_path, trials=9, strategy="random", preset="gnn").folder


def test_no_more_trials_are_asked_for_than_the_space_holds(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path, preset="filters", space={"filters": ["ridge"], "l2": [1.0, 10.0]}, trials=9)
    assert described.trials == 2
    assert len(search(described)) == 2


def test_a_broken_record_is_made_anew(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work", trials=2, preset="filters")
    key = search(described)[0].key
    path = Path(described.folder) / "trials" / f"{key}.json"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    assert [answer.known for answer in search(described)] == [False, True]
    assert json.loads(path.read_text()) == json.loads(whole)


def test_metrics_of_a_record_are_numbers_at_every_cut_off(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work", trials=1, metric="recall@7")
    record = Store(Path(described.folder)).load(search(described)[0].key)
    assert record is not None
    assert {"ndcg@5", "ndcg@10", "ndcg@20", "recall@7", "hit_rate@7"} <= set(record.metrics)
    assert np.isfinite(list(record.metrics.values())).all()


def test_a_process_is_known_by_number_and_start_and_ended_for_certain() -> None:
    ignoring = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", ignoring], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    who = guard.identity(child.pid)
    assert guard.alive(who)
    assert not guard.alive(who.model_copy(update={"started": who.started - 5}))
    gone: list[bool] = []
    guard.watch(lambda: not guard.alive(who), lambda: gone.append(True))
    import psutil

    guard.end(guard.family(psutil.Process(child.pid)))
    child.wait(10)
    assert not guard.alive(who)
    assert eventually(lambda: gone, 10) == [True]


def test_a_process_stays_itself_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    who, before = guard.identity(), psutil.Process().create_time()
    platform = vars(psutil)["_psplatform"]
    boot = platform.boot_time
    monkeypatch.setattr(platform, "boot_time", lambda: boot() + 3600)
    assert psutil.Process().create_time() == pytest.approx(before + 3600)
    assert guard.alive(who)
