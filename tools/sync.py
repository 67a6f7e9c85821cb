"""``make sync``: the offline W&B runs to the server, one by one, with what became of each. Safe to repeat."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

from recsmith.errors import UserError
from recsmith.output import say
from stages._track import HOST, api_key
from tools.ending import FAILED, ended

RUNS = Path(".work/wandb")
ASK_SECONDS = 10
NO_ADDRESS = (MissingSchema, InvalidSchema, InvalidURL)
WHO = "{ viewer { username entity } }"


def check_server(server: str) -> str:
    """Who we are on ``server``; UserError where there is no key, it is refused, or nobody answers."""
    key = api_key(urlsplit(server).hostname or "")
    if not key:
        raise UserError("no key is set. Export WANDB_API_KEY (from your W&B settings page), or run wandb login.")
    try:
        answer = requests.post(f"{server}/graphql", json={"query": WHO}, auth=("api", key), timeout=ASK_SECONDS)
    except NO_ADDRESS as error:
        raise UserError(f"WANDB_BASE_URL = {server!r} is no address: write {HOST}, or unset it.") from error
    except requests.RequestException as error:
        raise UserError(f"{server} does not answer ({type(error).__name__}). Nothing is lost: run it again.") from error
    viewer = _viewer(answer) if answer.ok else {}
    if answer.status_code in (401, 403) or (answer.ok and not viewer):
        raise UserError(f"{server} refuses the key: it is wrong or expired. Export the right one as WANDB_API_KEY.")
    if not answer.ok:
        raise UserError(f"{server} answers {answer.status_code} {answer.reason}. Nothing is lost: run it again later.")
    return str(viewer.get("entity") or viewer.get("username"))


def _viewer(answer: requests.Response) -> dict[str, Any]:
    """Who W&B says that we are; UserError where it is not W&B that answers (a portal, a proxy, another address)."""
    try:
        return (answer.json()["data"] or {}).get("viewer") or {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{answer.url} answers, but not as W&B does. Correct WANDB_BASE_URL, or unset it (then: {HOST}); a login "
            "page of the network may be in between, too. Nothing is lost: run it again."
        ) from error


def uploaded(run: Path) -> bool:
    """Whether the mark that W&B leaves after a whole upload is there."""
    return any(run.glob("run-*.wandb.synced"))


def upload(run: Path, seconds: float) -> str | None:
    """Send one run; None, or the reason why it is not there."""
    command = [sys.executable, "-m", "wandb", "sync", str(run)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done after {seconds:g} s"
    if uploaded(run):
        return None
    said = re.findall(r"(?:ERROR|Error:|panic:)\s*(.+)", done.stdout + done.stderr)
    return said[0] if said else f"wandb sync ended with {done.returncode} and left no mark"


def main() -> int:
    """Send what is not there; 1 where a run could not be sent."""
    parser = argparse.ArgumentParser("python -m tools.sync", description="Send offline W&B runs to the server.")
    parser.add_argument("--seconds", type=float, default=300, help="how long one run may take (300)")
    args = parser.parse_args()
    return ended("sync", lambda: _sync(args.seconds), "what was uploaded stays. Run it again to go on.")


def _sync(seconds: float) -> int:
    runs = sorted(RUNS.glob("offline-run-*"))
    new = [run for run in runs if not uploaded(run)]
    say(f"sync: {len(runs)} offline runs in {RUNS}, {len(runs) - len(new)} already there")
    if not new:
        return 0
    server = os.environ.get("WANDB_BASE_URL", HOST).rstrip("/")
    say(f"sync: {len(new)} to {server} as {check_server(server)}")
    failed = [run for run in new if _reported(run, seconds)]
    return FAILED if failed else 0


def _reported(run: Path, seconds: float) -> bool:
    """Send a run and say how it went; whether it failed."""
    reason = upload(run, seconds)
    say(f"  {run.name}: {f'failed: {reason}' if reason else 'uploaded'}")
    return reason is not None


if __name__ == "__main__":
    sys.exit(main())
