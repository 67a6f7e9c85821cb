"""What the console shows: a table in a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from searches import task, tastes

from recsmith.search.board import SHOWN, Board
from recsmith.search.plain import search
from recsmith.search.progress import Progress
from recsmith.search.tree import NUMBER


def screen() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=110, color_system=None)


def drawn(board: Board) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=110).print(board.draw())
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_the_table_shows_trial_architecture_rung_metric_best_seconds_and_eta(tmp_path: Path) -> None:
    described, said = task(tastes(tmp_path / "data"), tmp_path / "work", trials=3, preset="filters"), []
    board = Board(described.trials, described.concurrency, described.budget.metric, screen())
    with Progress(described, said.append, board) as progress:
        answers = search(described.model_copy(update={"trials": 2}), progress.show)
        running = {**answers[0].parameters, NUMBER: 2}
        progress.running([running])
        lines = drawn(board)
    assert lines[0].split() == ["trial", "architecture", "rung", "ndcg@20", "best", "seconds"]
    best = max(answer.value for answer in answers)
    number, *words, rung, value, shown_best, seconds = lines[2].split()
    assert (number, words[0], rung) == ("2", "filter", "100%")
    assert (float(value), float(shown_best)) == (round(answers[1].value, 4), round(best, 4))
    assert float(seconds) == round(answers[1].seconds, 1)
    assert lines[3].split()[:2] == ["3", "filter"]
    assert "2 of 3 trials, ETA 0:00:0" in lines[4]
    assert said == []


def test_the_time_left_comes_from_trials_that_were_trained() -> None:
    board = Board(10, 2, "ndcg@20", screen())
    assert board.left() is None
    board.take(0, ("1", "a", "100%", "0.1", "0.1", "known"), None)
    assert board.left() is None
    board.take(1, ("2", "b", "100%", "0.1", "0.1", "30.0"), 30.0)
    assert board.left() == pytest.approx(30.0 * 8 / 2)


def test_the_table_keeps_the_last_trials_in_sight_and_markup_as_it_is() -> None:
    board = Board(100, 1, "ndcg@20", screen())
    for number in range(40):
        board.take(number, (str(number + 1), "[bold]x[/bold]", "100%", "0.1", "0.1", "1.0"), 1.0)
    lines = drawn(board)
    assert len(lines) == SHOWN + 2
    assert all("[bold]x[/bold]" in line for line in lines[1:-1])


def test_errors_are_printed_beside_the_table(tmp_path: Path) -> None:
    described, said = task(tastes(tmp_path / "data"), tmp_path / "work", trials=1, trial_seconds=1), []
    progress = Progress(described, said.append, Board(1, 1, "ndcg@20", screen()))
    proposal = {"family": {"_name": "none such"}, NUMBER: 0}
    from recsmith.search.attempt import answer

    with progress:
        progress.show(answer(described, proposal))
    assert said
    assert progress.board is not None
    assert progress.board.finished == 1
