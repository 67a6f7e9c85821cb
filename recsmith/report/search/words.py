"""Sentences that hold for any search."""

from __future__ import annotations

from collections.abc import Mapping

from recsmith.report import labels
from recsmith.report.numbers import percent, score
from recsmith.report.search.inputs import SearchInputs
from recsmith.report.words import n_of
from recsmith.search.importance import FEWEST
from recsmith.search.trust import amount


def headline(search: SearchInputs) -> str:
    """What was found."""
    name = labels.architecture(search.best["architecture"])
    return f"{name[0].upper()}{name[1:]} came out on top."


def lead(search: SearchInputs) -> str:
    """How good it is, where it came from, and against what."""
    metric, winner = labels.metric(search.metric), search.winner
    reached = f"It reaches {metric} {score(search.best['valid'].get(search.metric))} on validation data"
    origin = f" and was found in trial {winner.number}" if winner is not None and winner.number else ""
    if search.best.get("source") == "baseline":
        origin = ": the baseline as it was tuned, which no trial was better than"
    best = max(search.baselines.items(), key=lambda pair: pair[1], default=None)
    against = f" The best baseline, {labels.model(best[0])}, reaches {score(best[1])}." if best else ""
    return f"{reached}{origin}.{against}"


def counts(search: SearchInputs) -> str:
    """How many trials there were, and what became of them."""
    failed = len([trial for trial in search.trials if trial.status == "failed"])
    refused = len([trial for trial in search.trials if trial.status == "sized_out"])
    partial = len([trial for trial in search.finished if trial.fidelity < 1])
    said = [f"{failed} failed" if failed else "", f"{refused} did not fit in memory" if refused else ""]
    said += [f"{partial} had a part of the budget" if partial else ""]
    heirs = len([trial for trial in search.finished if trial.parent])
    said += [f"{heirs} began from the weights of an earlier one" if heirs else ""]
    tail = "; ".join(part for part in said if part)
    return f"{n_of(len(search.trials), 'trial')} by {search.strategy.replace('_', ' ')}{': ' + tail if tail else ''}."


def luck(search: SearchInputs) -> str:
    """How much of the best value the choice itself made."""
    found = search.trust.get("choice")
    if not found:
        return "How much of the best value is luck cannot be told: fewer than two trials left per-user values."
    return (
        f"Of {labels.metric(search.metric)} {score(found['valid'])}, {amount(found['optimism'])} is the luck of "
        f"picking the best of {found['candidates']}. Where validation users are drawn again, it is the best again "
        f"{percent(found['winner_first'], 0)} of the time."
    )


def reading(search: SearchInputs) -> str:
    """How to read the picture of the winner."""
    family = search.best["architecture"]["family"]
    if family == "gnn":
        return (
            "Arrows above skip layers, a layer reads the mean of what comes in; arrows below go straight into the "
            "combination. The same vectors stand for users and for items."
        )
    if family == "blend":
        return "Scores of each part are divided by their spread, weighed, and added up."
    return "A user's history goes in on the left; each step is a product with a matrix, from left to right."


def importance(search: SearchInputs, found: Mapping[str, float]) -> str:
    """What the importance rests on, or why there is none."""
    trials = len(search.comparable)
    if trials < FEWEST:
        return (
            f"What each knob matters would rest on {n_of(trials, 'finished trial')} with the whole budget; "
            f"below {FEWEST} nothing is said."
        )
    if not any(found.values()):
        return f"Nothing that the knobs do explains the metric of the {trials} finished trials better than chance."
    few = " So few trials tell the large effects alone." if trials < 40 else ""
    return f"This rests on {trials} finished trials with the whole budget.{few}"
