"""Stage ``validate``: can the ingested data be trusted?"""

from __future__ import annotations

from recsmith.config.validate import Validate
from recsmith.files import write_json, write_text
from recsmith.tables.connect import engine
from recsmith.validation.findings import stop_if_broken, text_table
from recsmith.validation.gate import inspect
from recsmith.validation.page import render
from stages._stage import DATA, Context, stage


def run(context: Context) -> None:
    """Judge ``data/ingest``, write the report and its page, stop the line where a critical check fails."""
    params = context.section("validate", Validate)
    with engine(context.run.threads, context.run.memory_mb) as backend:
        report = inspect(backend, DATA / "ingest", params)
    write_json(context.out / "report.json", report.as_json())
    write_text(context.out / "report.html", render(report))
    for finding in report.findings:
        state = "passed" if finding.success else "FAILED" if finding.severity == "critical" else "warning"
        context.say(f"{state:8}{finding.name:20}{finding.severity:10}{finding.text}")
        if not finding.success:
            context.say(text_table(finding.rows))
    context.track.summary({f"validate/{finding.name}": int(finding.success) for finding in report.findings})
    context.say(f"The page: {context.out / 'report.html'}")
    stop_if_broken(report)


if __name__ == "__main__":
    stage("validate", run)
