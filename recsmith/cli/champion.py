"""``recsmith champion``: what serves, what served before, and who takes over."""

from __future__ import annotations

import argparse
from pathlib import Path

from recsmith.cli._actions import add_actions, alone
from recsmith.config.ingest import EVENTS
from recsmith.config.read import read_section
from recsmith.config.retrain import CHAMPION, INCUMBENT, WORK, Retrain
from recsmith.errors import UserError
from recsmith.files import file_hash, read_json, write_json
from recsmith.output import say

ACTIONS = {
    "show": "the champion and every decision so far",
    "enter": "let the champion enter the line: what training starts from, and its rival",
    "decide": "promote the bundle of data/compress, or keep the champion, as data/evaluate says",
    "rollback": "let an earlier version serve again (--to N; else the one before)",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_actions(parser, ACTIONS)
    parser.add_argument("--to", type=int, metavar="N", help="version to go back to (rollback)")


def run(args: argparse.Namespace) -> None:
    """Do one of the actions; only one process at a time changes the champion."""
    root = args.params.parent
    if args.action == "show":
        return _show(root)
    with alone(root, "champion", "the champion"):
        {"enter": _enter, "decide": _decide, "rollback": _rollback}[args.action](args, root)


def _enter(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.champion import open_champion, version_of
    from recsmith.retrain.incumbent import Incumbent, enter, read_incumbent
    from recsmith.retrain.log import read_log

    history = open_champion(root / CHAMPION)
    incumbent = Incumbent(version=history.version, digest=history.digest, events=read_log(root / EVENTS).digest)
    name = f"version {history.version}" if history.version else "no champion yet"
    if read_incumbent(root / INCUMBENT) == incumbent:
        say(f"{INCUMBENT}: {name}, as it was")
        return
    version = version_of(root / CHAMPION, history.version) if history.version else None
    enter(root / INCUMBENT, version, incumbent)
    say(f"{INCUMBENT}: {name}")


def _decide(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.champion import Challenger, decide, open_champion, promote
    from recsmith.retrain.contest import judged
    from recsmith.retrain.incumbent import read_incumbent

    settings = read_section(args.params, "retrain", Retrain)
    files = {
        "bundle": root / "data/compress/bundle",
        "candidate": root / "data/train/candidate",
        "final": root / "data/train/final",
        "users.parquet": root / "data/graph/users.parquet",
        "items.parquet": root / "data/graph/items.parquet",
        "best.json": root / "data/search/best.json",
    }
    lineage = root / "data/report/lineage.json"
    if lineage.exists() and read_json(lineage).get("bundle") == Challenger(files).digest:
        files["lineage.json"] = lineage
    history, challenger = open_champion(root / CHAMPION), Challenger(files)
    metrics, search = read_json(root / "data/evaluate/metrics.json"), file_hash(files["best.json"])
    entry = judged(
        metrics,
        history,
        read_incumbent(root / INCUMBENT),
        challenger.digest,
        search,
        settings.promote,
        settings.reopen,
    )
    if entry.action == "promoted":
        promote(root / CHAMPION, history, challenger, entry, settings.promote.keep)
    else:
        decide(root / CHAMPION, history, entry)
    write_json(root / WORK / "decision.json", entry.model_dump(mode="json"))
    say(f"{entry.action}: version {entry.version} ({entry.digest[:12]}); {entry.reason}")
    if entry.reopens:
        say("The lead over the baselines is not what it was: the search is to be opened again.")


def _rollback(args: argparse.Namespace, root: Path) -> None:
    from recsmith.retrain.champion import open_champion, rollback

    history = rollback(root / CHAMPION, open_champion(root / CHAMPION), args.to)
    say(f"version {history.version} ({(history.digest or '')[:12]}) serves: {CHAMPION}/current/bundle")


def _show(root: Path) -> None:
    from recsmith.retrain.champion import read_history, versions

    history = read_history(root / CHAMPION)
    if not history.version:
        raise UserError("there is no champion yet; the first night (`make retrain`) makes it.")
    for entry in history.entries:
        found = f"{entry.difference:+.5f}" if entry.difference is not None else ""
        say(f"{entry.when}  {entry.action:11} version {entry.version:<3} {entry.who:12} {found:9} {entry.reason}")
    kept = ", ".join(map(str, versions(root / CHAMPION)))
    say(f"Champion: version {history.version}, bundle {history.digest}, at {CHAMPION}/current/bundle. Kept: {kept}.")
