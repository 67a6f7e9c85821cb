"""``python -m tools.remotes.by_hand FOLDER``: the ``dvc`` of an environment, with SSH hosts checked also when typed.

DVC has no setting for it, so ``make install`` puts this launcher in the place of DVC's own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recsmith.files import write_text

LAUNCHER = '''#!{python}
"""DVC; where the project's code is here, a host that ~/.ssh/known_hosts does not hold is refused."""

import sys
from importlib.util import find_spec

from dvc.cli import main
from dvc_objects.fs import known_implementations

if all(find_spec(name) for name in ("tools", "tools.remotes", "tools.remotes.ssh")):
    known_implementations["ssh"]["class"] = "tools.remotes.ssh.CheckedHosts"
sys.exit(main())
'''


def install(folder: Path) -> None:
    """Write the launcher into ``folder``, for the interpreter that runs us."""
    write_text(folder / "dvc", LAUNCHER.format(python=sys.executable))
    (folder / "dvc").chmod(0o755)


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m tools.remotes.by_hand", description="Have dvc check SSH hosts.")
    parser.add_argument("folder", type=Path, help="where the programs of the environment lie: .venv/bin")
    install(parser.parse_args().folder)
