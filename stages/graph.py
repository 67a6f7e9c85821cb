"""Stage ``graph``: what is connected."""

from __future__ import annotations

from recsmith.config.graph import Graph
from recsmith.graph.build import build_files
from stages._stage import DATA, Context, stage


def run(context: Context) -> None:
    """Read train, valid and the side tables, write both graphs over one numbering."""
    params = context.section("graph", Graph)
    stats = build_files(DATA / "split", DATA / "ingest", context.out, params)
    context.say(f"{stats['users']:,} users, {stats['items']:,} items known at the cut")
    for name in ("fit", "refit"):
        part = stats[name]
        events = ", ".join(f"{number:,} {event}" for event, number in part["events"].items())
        context.say(
            f"{name}: {part['edges']:,} edges ({events}), density {part['density']:.3%}, {part['bytes']:,} bytes"
        )
        context.say(f"{name}: no edges at {part['isolated_users']:,} users and {part['isolated_items']:,} items")
    sides = (
        f"{name} {side['read']:,} read, {side['kept']:,} kept" for name, side in stats["side"].items() if "kept" in side
    )
    context.say(f"Side tables: {'; '.join(sides)}")
    context.track.summary({"graph/edges": stats["fit"]["edges"], "graph/density": stats["fit"]["density"]})


if __name__ == "__main__":
    stage("graph", run)
