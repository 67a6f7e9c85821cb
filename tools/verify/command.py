"""A command in another folder, with the code that lies there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from recsmith.errors import UserError
from tools.verify.result import Say


def command(folder: Path, say: Say, *words: str) -> None:
    """Run python in ``folder`` with its own code; its output is shown as it comes."""
    say(f"verify: python {' '.join(words)}")
    ours = ("RECSMITH_RUN", "RECSMITH_FLOW_RUN", "RECSMITH_WORKSPACE", "MAKEFLAGS", "MAKELEVEL")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    env |= {"PYTHONPATH": str(folder), "WANDB_MODE": "disabled"}
    status = subprocess.run([sys.executable, *words], cwd=folder, env=env, check=False).returncode
    if status:
        raise UserError(f"python {' '.join(words)} failed in {folder}; it is kept there to look closer.")
