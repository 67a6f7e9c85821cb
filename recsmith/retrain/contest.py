"""Champion against challenger: the rule that promotes, and the one that opens the search again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recsmith.config.retrain import Promote, Reopen
from recsmith.errors import UserError
from recsmith.retrain.champion import Entry, History
from recsmith.retrain.incumbent import Incumbent

WINNERS = ("full", "bundle")


def judged(
    metrics: dict[str, Any],
    history: History,
    incumbent: Incumbent,
    challenger: str,
    search: str,
    promote: Promote,
    reopen: Reopen,
) -> Entry:
    """The decision that ``metrics`` (metrics.json) call for; ``challenger``: digest of the bundle that was measured.

    Raises UserError where they are of another contest than this one.
    """
    contest = metrics["contest"]
    _same(contest, history, incumbent, challenger)
    metric, values = contest["metric"], {"challenger": metrics["models"]["bundle"]["test"][contest["metric"]]}
    paired: dict[str, Any] = {}
    if incumbent.version:
        paired = contest["paired"][metric]
        values = {name: contest["metrics"][name][metric] for name in ("challenger", "champion")}
    wins, reason = _wins(paired, history, challenger, promote)
    entry = Entry(
        number=len(history.entries) + 1,
        action="promoted" if wins else "kept",
        version=history.newest + 1 if wins else history.version,
        digest=challenger if wins else history.digest or challenger,
        reason=reason,
        events=incumbent.events,
        search=search,
        challenger=challenger,
        metric=metric,
        values=values,
        difference=paired.get("difference"),
        interval=paired.get("interval"),
        lead=lead(metrics["models"], metric),
    )
    return entry.model_copy(update={"reopens": reopens([*history.entries, entry], reopen)})


def _same(contest: dict[str, Any], history: History, incumbent: Incumbent, challenger: str) -> None:
    if (contest["version"], contest["digest"]) != (incumbent.version, incumbent.digest):
        raise UserError(
            f"data/evaluate was measured against version {contest['version']}, the incumbent is version "
            f"{incumbent.version}. Run the stage evaluate again (`dvc repro evaluate`)."
        )
    if contest["challenger"] != challenger:
        raise UserError("data/evaluate measured another bundle. Run the stage evaluate again (`dvc repro evaluate`).")
    if (incumbent.version, incumbent.digest) != (history.version, history.digest):
        raise UserError(
            f"the champion is version {history.version}, the contest was against version {incumbent.version}. Let it "
            "enter (`recsmith champion enter`) and run the line again."
        )


def _wins(paired: dict[str, Any], history: History, challenger: str, promote: Promote) -> tuple[bool, str]:
    if not history.version:
        return True, "the first champion"
    if challenger == history.digest:
        return False, "the challenger is the champion, byte for byte"
    low, high = paired["interval"]
    bound = 0.0 - promote.tolerance
    wins = low > bound
    sign = ">" if wins else "<="
    return wins, f"difference in [{low:+.5f}, {high:+.5f}], its lower end {sign} {bound:g}"


def lead(models: dict[str, Any], metric: str) -> float | None:
    """The bundle's metric as a multiple of the best baseline's; None where none was measured or it found nothing.

    Baselines are fitted anew on the same data each night, so that it can be compared over windows.
    """
    rivals = [model["test"][metric] for name, model in models.items() if name not in WINNERS and model["test"]]
    best = max(rivals, default=0.0)
    return models["bundle"]["test"][metric] / best if best > 0 else None


def reopens(entries: Sequence[Entry], rule: Reopen) -> bool:
    """Whether the lead of this search's winner stayed below what is to be retained, in as many contests as it takes."""
    since: list[Entry] = []
    for entry in entries:
        if entry.action == "rolled back" or entry.lead is None:
            continue
        if since and (entry.search != since[-1].search or since[-1].reopens):
            since = []
        since.append(entry)
    later = since[1:][-rule.nights :]
    if len(later) < rule.nights:
        return False
    return all((entry.lead or 0.0) < rule.retained * (since[0].lead or 0.0) for entry in later)
