"""``python -m tools.forget ID``; ``--show`` prints the audit log, ``--verify`` proves that nobody changed it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recsmith.config.ingest import Ingest
from recsmith.config.read import read_section
from recsmith.output import say
from recsmith.privacy import audit, tombstones
from tools.ending import ended
from tools.forget.run import AUDIT, FORGOTTEN, forget, pseudonyms, task

NEXT = "Next: `make run` makes the results again without them; then commit data/privacy, dvc.lock and *.dvc."


def main() -> int:
    """Forget somebody, or look at who was; the exit status is 1 where something is left or was altered."""
    parser = argparse.ArgumentParser("python -m tools.forget", description="Forget a person, everywhere.")
    parser.add_argument("id", nargs="?", help="the raw id of the person, as it stands in the source")
    parser.add_argument("--unseen", action="store_true", help="also somebody whom neither data nor results know")
    parser.add_argument("--show", action="store_true", help="print the audit log")
    parser.add_argument("--verify", action="store_true", help="prove that the audit log is whole and unaltered")
    args = parser.parse_args()
    if (args.id is not None) + args.show + args.verify != 1:
        parser.error("give an id, or --show, or --verify")
    root = Path.cwd()

    def go() -> None:
        if args.id is not None:
            _forget(root, args.id, args.unseen)
        elif args.show:
            _show(root)
        else:
            _verify(root)

    return ended("forget", go, "run it again with the same id to finish.")


def _forget(root: Path, name: str, unseen: bool) -> None:
    removed = forget(task(root, name, lambda text: say(f"forget: {text}")), unseen=unseen)
    for kind, number in removed.counts.items():
        say(f"forget: {number:,} {kind}")
    say(f"forget: done, and a search of workspace, cache and remotes finds nothing. {NEXT}")


def _show(root: Path) -> None:
    for entry in audit.read(root / AUDIT):
        what = ", ".join(f"{number:,} {kind}" for kind, number in entry["removed"].items()) or "nothing"
        say(f"{entry['number']:>4}  {entry['when']}  {entry['person'][:12]}  {entry['what']}: {what}")


def _verify(root: Path) -> None:
    params = read_section(root / "params.yaml", "ingest", Ingest)
    key = pseudonyms(params).key
    number = audit.verify(root / AUDIT, tombstones.read(root / FORGOTTEN).people, key)
    say(f"forget: {number} entries, each as it was written")


if __name__ == "__main__":
    sys.exit(main())
