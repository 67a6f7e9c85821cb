"""What became of the checks, for a person and for a machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recsmith.errors import UserError

Rows = tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Finding:
    """What became of one check."""

    name: str
    severity: str
    success: bool
    unexpected: int
    total: int
    observed: Any = ""
    advice: str = ""
    rows: Rows = ()
    error: str | None = None

    @property
    def text(self) -> str:
        """What was found, in a few words."""
        if self.error is not None:
            return f"could not be judged: {self.error}."
        found = f"{self.observed:.4g}" if isinstance(self.observed, float) else str(self.observed)
        parts = [f"{self.unexpected:,} of {self.total:,}"] if self.total > 1 else []
        return ", ".join(parts + ([f"found {found}"] if found else [])) + "."


@dataclass(frozen=True)
class Report:
    """All findings and the counts that they rest on."""

    findings: tuple[Finding, ...]
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def broken(self) -> list[Finding]:
        """Critical checks that failed."""
        return [finding for finding in self.findings if finding.severity == "critical" and not finding.success]

    def as_json(self) -> dict[str, Any]:
        """Small and deterministic; a check that could not be judged has an ``error`` beside the usual keys.

        Checks are a list: ``dvc metrics show`` makes a column of every number that has a name of its own.
        """
        names = ("name", "severity", "success", "unexpected", "total", "observed")
        checks = [{name: getattr(finding, name) for name in names} for finding in self.findings]
        for finding, check in zip(self.findings, checks, strict=True):
            if finding.error is not None:
                check["error"] = finding.error
        return {"success": not self.broken, "checks": checks, "counts": self.counts}


def stop_if_broken(report: Report) -> None:
    """Raise UserError naming every critical check that failed, and what to change."""
    if report.broken:
        lines = [f"{finding.name}: {finding.text} {finding.advice}".rstrip() for finding in report.broken]
        raise UserError("the data cannot be trusted (params.yaml, section validate).\n" + "\n".join(lines))


def text_table(rows: Rows) -> str:
    """Rows as aligned columns for a terminal; empty text where there are none."""
    if not rows:
        return ""
    lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
