"""A result made again, in a folder of its own, and compared with the md5 of every out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

from recsmith.report.lineage import installed, stage_hashes
from tools.verify.code import bring_code, compare_code
from tools.verify.command import command
from tools.verify.inputs import bring_inputs
from tools.verify.result import LINE, Hashes, Result, Say

PLACE = Path(".work/verify")


def verify(root: Path, result: Result, say: Say) -> list[str]:
    """Run it again; the paths whose md5 differs, with both md5s. UserError where it cannot be run as it was."""
    folder = root / PLACE / result.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"verify: {result.name} in {folder.relative_to(root)}")
    bring_code(root, folder, result.commit)
    if result.params is not None:
        with (folder / "params.yaml").open("w", encoding="utf-8") as handle:
            YAML(typ="safe").dump(dict(result.params), handle)
    compare_code(folder, result)
    bring_inputs(root, folder, result, say)
    _compare_packages(result, say)
    command(folder, say, "-m", "dvc", "repro", "--no-run-cache", LINE[-1])
    return list(_differences(folder, result.stages))


def _compare_packages(result: Result, say: Say) -> None:
    """Say which packages are other versions now: bytes may differ for it."""
    for name, then in (result.packages or {}).items():
        if (now := installed(name)) != then:
            say(f"verify: {name} was {then} then and is {now} here.")


def _differences(folder: Path, expected: Hashes) -> Iterator[str]:
    """Every out of ``expected`` that came out otherwise."""
    lock = YAML(typ="safe").load((folder / "dvc.lock").read_text(encoding="utf-8"))
    again = stage_hashes(lock, LINE)
    for stage in LINE:
        for path, md5 in (expected.get(stage) or {"outs": {}})["outs"].items():
            now = again[stage]["outs"].get(path)
            if now != md5:
                yield f"{path}: {md5} then, {now or 'not made'} now"
