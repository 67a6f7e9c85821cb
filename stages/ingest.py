"""What happened? Any source to the five canonical tables, as they came."""

from __future__ import annotations

from pathlib import Path

from recsmith.config.ingest import Ingest
from recsmith.privacy import tombstones
from recsmith.privacy.door import guard
from recsmith.sources.registry import read
from recsmith.sources.steady import steady
from recsmith.sources.write import describe, write, write_description
from stages._stage import DATA, Context, stage

ROOT = Path()


def run(context: Context) -> None:
    """data/raw or the user's own files, without the people who are forgotten -> data/ingest."""
    params = context.section("ingest", Ingest)
    with steady(ROOT / params.path, params.path):
        take(context, params)


def take(context: Context, params: Ingest) -> None:
    """The source as it is now, written last of all as ``source.json``."""
    forgotten = tombstones.read(DATA / "privacy/forgotten.json")
    tables, guarded = guard(read(params, ROOT), params.privacy, forgotten)
    described = describe(params, ROOT, tables)
    if guarded:
        described["privacy"] = guarded
        context.say(f"privacy: {guarded}")
    if described["stand_in"]:
        context.say(f"THE BUILT-IN DEMO STANDS IN: {described['reason']}.")
    for note in tables.notes:
        context.say(note)
    write(tables, context.out, context.run)
    write_description(described, context.out)
    for name in ("interactions", "users", "items"):
        context.metric(name, described["counts"][name])


if __name__ == "__main__":
    stage("ingest", run)
