"""The code of then, in a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from recsmith.errors import UserError
from recsmith.files import content_md5
from tools.history import git
from tools.verify.result import Result


def bring_code(root: Path, folder: Path, commit: str | None) -> None:
    """A clone at ``commit``; where there is none, what lies here without results."""
    if commit is not None and (root / ".git").exists():
        git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(folder))
        git(folder, "checkout", "--quiet", "--detach", commit)
    else:
        left = shutil.ignore_patterns(".git", ".work", ".venv", ".prefect", "cache", "tmp", "__pycache__", "data")
        shutil.copytree(root, folder, ignore=left, symlinks=True)
    (folder / "dvc.lock").unlink(missing_ok=True)
    (folder / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")


def compare_code(folder: Path, result: Result) -> None:
    """UserError names the sources that are not those that the result was made with."""
    code = {path: md5 for path, md5 in result.deps.items() if not path.startswith("data/") and (folder / path).exists()}
    gone = [path for path in result.deps if path.split("/")[0] in ("recsmith", "stages") and path not in code]
    other = sorted(gone + [path for path, md5 in code.items() if _code_md5(folder / path) != md5])
    if other:
        shown = ", ".join(other[:10]) + (f" and {len(other) - 10} more" if len(other) > 10 else "")
        raise UserError(
            f"{len(other)} sources are not those that the result was made with: {shown}. "
            "They were not committed then, or another commit made it: REV=... names one."
        )


def _code_md5(path: Path) -> str:
    for cached in path.rglob("__pycache__") if path.is_dir() else ():
        shutil.rmtree(cached, ignore_errors=True)
    return content_md5(path)
