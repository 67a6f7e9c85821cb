"""``recsmith events``: the event log of continuous retraining."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsmith.cli._actions import add_actions, alone
from recsmith.config.edit import with_key, with_section
from recsmith.config.ingest import EVENTS, Ingest
from recsmith.config.read import read_section
from recsmith.config.retrain import CHAMPION, WORK, Retrain
from recsmith.config.validate import Validate
from recsmith.days import day
from recsmith.errors import UserError
from recsmith.files import write_text
from recsmith.output import say

if TYPE_CHECKING:
    from recsmith.retrain.intake import Intake
    from recsmith.retrain.log import Log

OF_A_BATCH = ("withdraw", "offer")
FORGOTTEN = Path("data/privacy/forgotten.json")
ACTIONS = {
    "init": "make the log from the present source, and set ingest.source: events",
    "take": "take what is in the inbox and what retrain.sql gives; refused batches are kept aside with the reason",
    "add": "take the files that are named",
    "bound": "read the log up to a day only (--until; without it, all of it)",
    "withdraw": "take a BATCH (name or digest, see show) out of the log again; it is kept aside like a refused one",
    "offer": "let a withdrawn BATCH be taken again",
    "show": "what the log holds",
    "check": "compare every part with its checksum",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_actions(parser, ACTIONS)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE|BATCH", help="for add, withdraw, offer")
    parser.add_argument("--until", type=day, metavar="DATE", help="the last day that is read (take, bound)")
    parser.add_argument("--reason", default="by hand.", help="what is written beside the batch (withdraw)")


def run(args: argparse.Namespace) -> None:
    """Do one of the actions; only one process at a time changes the log."""
    root = args.params.parent
    if args.files and args.action not in ("add", *OF_A_BATCH):
        raise UserError(f"recsmith events {args.action} takes no files; recsmith events add FILE... does.")
    if args.action in OF_A_BATCH and len(args.files) != 1:
        raise UserError(
            f"recsmith events {args.action} BATCH: one name or digest is due; `recsmith events show` lists."
        )
    if args.action in ("show", "check"):
        return (_show if args.action == "show" else _check)(root)
    with alone(root, "events", "the event log"):
        changes = {"init": _init, "take": _take, "add": _add, "bound": _bound, "withdraw": _withdraw, "offer": _offer}
        changes[args.action](args, root)


def _take(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain import untold
    from recsmith.retrain.blame import begin
    from recsmith.retrain.champion import read_history
    from recsmith.retrain.intake import take
    from recsmith.retrain.night import tell

    settings, ranges = _sections(args.params)
    begin(root / EVENTS, root / settings.inbox.path, root / WORK)

    def refused(name: str, reason: str) -> None:
        untold.add(root / WORK, "rejected", {name: reason})

    intake = take(root / EVENTS, root, settings, ranges, say, admitted=_admitted(args.params), refused=refused)
    intake.log = _until(intake.log, args.until, root)
    night = tell(intake, read_history(root / CHAMPION), root / EVENTS, root / WORK, settings)
    for finding in night["drift"].values():
        say(f"DRIFT {finding['name']}: {finding['text']} ({finding['value']:.3f}, limit {finding['limit']:g})")
    if night["drift"]:
        say(f"The page: {WORK}/drift.html")
    say(_summary(intake, night["pending"]))


def _summary(intake: Intake, pending: bool) -> str:
    new, rows = sum(taken.new for taken in intake.taken), intake.log.rows
    if not intake.taken and not intake.rejected:
        more = "the line has yet to see the last ones" if pending else "the champion has seen all of them"
        return f"Nothing new: {rows:,} events, {more}."
    batches = f"batches: {len(intake.taken)} taken, {len(intake.rejected)} rejected"
    return f"{batches}; {new:,} new events of {rows:,}."


def _sections(params: Path) -> tuple[Retrain, Validate]:
    return read_section(params, "retrain", Retrain), read_section(params, "validate", Validate)


def _admitted(params: Path) -> Callable[[Any], Any]:
    """What makes a table fit for the log: without forgotten people, under pseudonyms where they are asked for."""
    from recsmith.privacy.door import named
    from recsmith.privacy.tombstones import within

    privacy = read_section(params, "ingest", Ingest).privacy
    return lambda table: named(within(table, params.parent / FORGOTTEN, privacy.key_variable), privacy)


def _add(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.intake import Door

    if not args.files:
        raise UserError("recsmith events add FILE...: no file is named.")
    for path in args.files:
        if not path.is_file():
            raise UserError(f"{path} is no file.")
    entrance = Door(root / EVENTS, *_sections(args.params), say, admitted=_admitted(args.params))
    for _ in entrance.files(args.files):
        pass
    if left := [*entrance.intake.rejected, *entrance.intake.waiting]:
        raise UserError(f"not taken: {', '.join(left)}; the reasons stand above.")


def _bound(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.log import open_log

    source = read_section(args.params, "ingest", Ingest).source
    if source != "events":
        raise UserError(
            f"{args.params}: ingest.source = {source!r}. A data date bounds what is read of the event log; "
            "`recsmith events init` makes it the source."
        )
    log = _until(open_log(root / EVENTS), args.until, root)
    say("All events are read." if log.until is None else f"Read up to {_day(log.until - 1)}.")


def _until(log: Log, last: date | None, root: Path) -> Log:
    """The log, read up to a day (None: all of it), on disk."""
    from recsmith.retrain.log import save

    until = None if last is None else int(datetime(last.year, last.month, last.day, tzinfo=UTC).timestamp()) + 86_400
    return log if log.until == until else save(root / EVENTS, log.model_copy(update={"until": until}))


def _withdraw(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.champion import read_history
    from recsmith.retrain.log import read_log
    from recsmith.retrain.night import withdrawn
    from recsmith.retrain.withdrawal import said, sharing, withdraw

    inbox, before = root / _sections(args.params)[0].inbox.path, read_log(root / EVENTS)
    log, batch = withdraw(root / EVENTS, inbox, str(args.files[0]), args.reason)
    withdrawn(batch.batch, log, read_history(root / CHAMPION), root / WORK)
    say(said(log, batch))
    for other in sharing(before, batch):
        say(
            f"{other.name} ({other.batch[:12]}) came later with {other.doubled:,} events that the log had already. "
            "Those that the withdrawn batch had brought are gone: withdraw and offer this one too, and it enters anew."
        )


def _offer(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.withdrawal import offer

    inbox = read_section(args.params, "retrain", Retrain).inbox.path
    gone = offer(root / EVENTS, root / inbox, str(args.files[0]))
    say(f"{gone.name} ({gone.batch[:12]}) may be taken again; its file, where the inbox had one, is in {inbox}.")


def _init(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.seed import seed

    params = read_section(args.params, "ingest", Ingest)
    if params.source == "events":
        raise UserError(f"{args.params}: ingest.source is events already; recsmith events add FILE... adds to the log.")
    log = seed(params, root, root / EVENTS, say, _admitted(args.params))
    write_text(args.params, _reading_events(args.params.read_text(encoding="utf-8"), params))
    say(f"{log.rows:,} events in {EVENTS}; section ingest of {args.params} reads it now. Next: `make run`.")


def _reading_events(text: str, params: Ingest) -> str:
    """The parameter file with the event log as the source; comments stay where nothing else has to go."""
    if params.files or params.sql:
        values = {**params.model_dump(mode="json"), "source": "events", "path": EVENTS, "files": [], "sql": None}
        return with_section(text, "ingest", values)
    return with_key(with_key(text, "ingest", "source", "events"), "ingest", "path", EVENTS)


def _show(root: Path) -> None:
    from recsmith.retrain.log import number, read_log

    log = read_log(root / EVENTS)
    if not log.parts:
        raise UserError(
            f"{EVENTS} holds no events yet. Begin with `recsmith events init` or `recsmith events add FILE...`."
        )
    batches = {batch.part: f"{batch.batch[:12]}  {batch.name}" for batch in log.batches}
    say(f"{'part':>5} {'rows':>12}  {'from':10}  {'to':10}  {'batch':12}  name")
    for part in log.parts:
        dates, batch = f"{_day(part.first)}  {_day(part.last)}", batches.get(number(part), "")
        say(f"{number(part):>5} {part.rows:>12,}  {dates}  {batch}")
    doubled, late = (sum(getattr(batch, name) for batch in log.batches) for name in ("doubled", "late"))
    say(f"{log.rows:,} events of {len(log.batches)} batches; {doubled:,} came more than once, {late:,} late.")
    for gone in log.withdrawn:
        say(f"Withdrawn: {gone.batch[:12]}  {gone.name}: {gone.reason}")
    if log.until is not None:
        say(f"Read up to {_day(log.until - 1)}.")
    for source, mark in log.marks.items():
        say(f"High-water mark of {source}: {mark}")


def _check(root: Path) -> None:
    from recsmith.retrain.log import damaged, read_log

    log = read_log(root / EVENTS)
    wrong = damaged(root / EVENTS, log)
    if wrong:
        raise UserError(
            f"{', '.join(wrong)} of {EVENTS}: missing or not what was written. "
            f"Bring it back with `dvc checkout {EVENTS}.dvc`."
        )
    say(f"{len(log.parts)} parts with {log.rows:,} events are what was written.")


def _day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
