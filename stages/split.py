"""Stage ``split``: what may be learnt from, and what is sealed."""

from __future__ import annotations

from recsmith.config.split import Split
from recsmith.tables.connect import engine
from recsmith.tables.seal import split_files
from stages._stage import DATA, Context, stage


def run(context: Context) -> None:
    """Read ``data/ingest``, write the splits, the people and the audit."""
    params = context.section("split", Split)
    with engine(context.run.threads, context.run.memory_mb) as backend:
        audit = split_files(backend, DATA / "ingest", context.out, params, context.run.seed)
    for warning in audit["warnings"]:
        context.say(f"Warning: {warning}")
    for name, size in audit["splits"].items():
        context.say(f"{name:5} {size['rows']:>10,} interactions, {size['users']:>8,} users, {size['items']:>8,} items")
    for name, cold in audit["cold"].items():
        context.say(f"{name}: {cold['users']:,} cold users, {cold['items']:,} cold items in {cold['pairs']:,} pairs")
    removed = ", ".join(
        f"{name.replace('_', ' ')} {n:,}" for name, n in audit["removed"].items() if n and name != "read"
    )
    context.say(f"Removed: {removed or 'nothing'}. Proofs of no leak: all {len(audit['proofs'])} hold.")
    context.track.summary({f"rows/{name}": size["rows"] for name, size in audit["splits"].items()})


if __name__ == "__main__":
    stage("split", run)
