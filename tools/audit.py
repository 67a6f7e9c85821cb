"""``make audit``: a static scan of our code, and known vulnerabilities of the pinned set.

The exit status is 0 where both found nothing, 1 where there are findings, and 3 where the advisory service did not
answer: then nothing is known, and nothing is green.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path

from recsmith.output import say

TOOL = "pip-audit==2.10.1"
"""In an environment of its own: it brings fifteen packages that nothing else here needs."""
HOME = Path(".work/audit")
ROOMS = ("recsmith", "stages", "flows", "tools")
FOUND, UNREACHABLE = 1, 3
SECONDS = 300


def static() -> int:
    """Findings of bandit, of medium severity and above; each that is right as it is says why in its line (nosec)."""
    scan = [sys.executable, "-m", "bandit", "-q", "-ll", "-r", *ROOMS]
    done = subprocess.run(scan, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"{done.stdout} {done.stderr}")
    return done.returncode


def known() -> int:
    """Known vulnerabilities of ``requirements.lock``, as PyPI's advisory service has them."""
    python = HOME / "venv/bin/python"
    report = HOME / "report.json"
    report.unlink(missing_ok=True)
    if not python.exists():
        venv.create(HOME / "venv", with_pip=True, clear=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TOOL]
    ask = [str(python), "-m", "pip_audit", "--requirement", "requirements.lock", "--no-deps", "--disable-pip"]
    ask += ["--progress-spinner", "off", "--format", "json", "--output", str(report)]
    for command in (install, ask):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return _unreachable(f"no answer within {SECONDS} s")
        if done.returncode and not report.exists():
            return _unreachable((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    return _told(json.loads(report.read_text(encoding="utf-8")))


def _unreachable(reason: str) -> int:
    say(f"audit: NOT CHECKED: the advisory service could not be asked ({reason}).", sys.stderr)
    say("audit: known vulnerabilities of the pinned set: not known. Run it where PyPI answers.", sys.stderr)
    return UNREACHABLE


def _told(report: dict) -> int:
    """Print each vulnerability with the versions that mend it."""
    skipped = [one["name"] for one in report["dependencies"] if "skip_reason" in one]
    bad = [(one, vuln) for one in report["dependencies"] for vuln in one.get("vulns", ())]
    for one, vuln in bad:
        say(f"audit: {one['name']} {one['version']}: {vuln['id']}, mended in {', '.join(vuln['fix_versions']) or '?'}")
    if skipped:
        return _unreachable(f"it does not know {len(skipped)} packages, {skipped[0]} first")
    say(f"audit: {len(bad)} known vulnerabilities in {len(report['dependencies'])} packages")
    return FOUND if bad else 0


def main() -> int:
    """Both checks, or the static one alone."""
    parser = argparse.ArgumentParser("python -m tools.audit", description="Look for what is known to be unsafe.")
    parser.add_argument("--static", action="store_true", help="only the static scan, which needs no network")
    args = parser.parse_args()
    found = static()
    say(f"audit: the static scan found {'something' if found else 'nothing'}")
    return found if args.static else max(found, known())


if __name__ == "__main__":
    sys.exit(main())
