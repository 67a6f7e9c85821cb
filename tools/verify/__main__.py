"""``make verify``: run a result again, from its own code, data and parameters, and compare the md5 of every out.

The result is the present one, that of a bundle (folder or digest), or that of a commit. It runs in a folder of its own.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from recsmith.output import say
from tools.ending import FAILED, ended
from tools.verify.again import PLACE, verify
from tools.verify.result import result_of


def main() -> int:
    """Verify what is asked for; 1 where something differs or could not be run."""
    parser = argparse.ArgumentParser("python -m tools.verify", description="Run a result again and compare all md5s.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--bundle", help="the folder of a bundle, or its digest (default: the present result)")
    which.add_argument("--rev", help="a commit, whose dvc.lock holds the md5s")
    args = parser.parse_args()
    kept = f"what was made lies in {PLACE}. Run it again."
    return ended("verify", lambda: _verified(Path.cwd(), args.bundle, args.rev), kept)


def _verified(root: Path, bundle: str | None, rev: str | None) -> int:
    result = result_of(root, bundle, rev, say)
    differing = verify(root, result, say)
    count = sum(len(stage["outs"]) for stage in result.stages.values())
    if differing:
        lines = "\n  ".join(differing)
        say(f"verify: {len(differing)} of {count} results differ:\n  {lines}\nBoth are kept: {PLACE / result.name}")
        return FAILED
    shutil.rmtree(root / PLACE / result.name)
    say(f"verify: all {count} results of {result.name} came out again, byte for byte.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
