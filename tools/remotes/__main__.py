"""``make push`` and ``make pull``: what ``dvc.lock`` and ``*.dvc`` name, to and from the team's remote.

Bytes are compared with their names on both ways, host keys are checked, and only a network that fails is tried again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flows.mend import mend
from recsmith.locks import check_present
from recsmith.output import say
from tools.ending import ended
from tools.remotes.ways import pull, push


def main() -> int:
    """Push or pull; the exit status is 1 where not all came over."""
    parser = argparse.ArgumentParser("python -m tools.remotes", description="Results to and from the team's remote.")
    parser.add_argument("way", choices=("push", "pull"))
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a stage, a path or a .dvc file (default: all)")
    parser.add_argument("--remote", help="a name in .dvc/config (default: the default remote)")
    args = parser.parse_args()

    def go() -> None:
        check_present(Path.cwd())
        mend(say)
        (push if args.way == "push" else pull)(Path.cwd(), args.targets, args.remote, say)

    return ended(args.way, go, "what came over stays. Run it again to go on.")


if __name__ == "__main__":
    sys.exit(main())
