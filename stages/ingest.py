"""What happened? Any source to the five canonical tables, as they came."""

from __future__ import annotations

from pathlib import Path

from recsmith.config.ingest import Ingest
from recsmith.sources.registry import read
from recsmith.sources.write import describe, write, write_description
from stages._stage import Context, stage

ROOT = Path()


def run(context: Context) -> None:
    """data/raw or the user's own files -> data/ingest."""
    params = context.section("ingest", Ingest)
    tables = read(params, ROOT)
    described = describe(params, ROOT, tables)
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
