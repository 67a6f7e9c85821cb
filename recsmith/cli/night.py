"""``recsmith night``: what a night of retraining has found out between its steps."""

from __future__ import annotations

import argparse
from pathlib import Path

from recsmith.cli._actions import add_actions, alone
from recsmith.config.ingest import EVENTS
from recsmith.config.read import read_section
from recsmith.config.retrain import CHAMPION, WORK, Retrain
from recsmith.output import say

ACTIONS = {
    "suspect": "validate does not pass the log: the newest batch that may be to blame leaves, the last one may return",
    "passed": "validate passes the log as it is: no batch of it is to blame from now on",
    "told": "whoever is on call knows what was rejected and what has drifted",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_actions(parser, ACTIONS)
    parser.add_argument("--reason", default="by hand.", help="what is written beside the batch (suspect)")


def run(args: argparse.Namespace) -> None:
    """Do one of the actions; only one process at a time changes the log."""
    root = args.params.parent
    with alone(root, "events", "the event log"):
        {"suspect": _suspect, "passed": _passed, "told": _told}[args.action](args, root)


def _suspect(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.blame import acquit, suspect
    from recsmith.retrain.champion import read_history
    from recsmith.retrain.night import found, withdrawn
    from recsmith.retrain.withdrawal import said

    inbox = root / read_section(args.params, "retrain", Retrain).inbox.path
    folder, work = root / EVENTS, root / WORK
    if (gone := acquit(folder, inbox, work)) is not None:
        say(f"{gone.name} ({gone.batch[:12]}) is not to blame alone and may be taken again.")
    unproven = found(work)["unproven"]
    if not unproven:
        say("No batch is left that may be to blame.")
        return
    log, batch = suspect(folder, inbox, work, unproven[-1], args.reason)
    withdrawn(batch.batch, log, read_history(root / CHAMPION), work)
    say(said(log, batch))


def _passed(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.blame import passed
    from recsmith.retrain.log import read_log

    log = read_log(root / EVENTS)
    passed(root / WORK, log)
    say(f"{log.rows:,} events are what validate passes.")


def _told(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain import untold

    untold.clear(root / WORK)
