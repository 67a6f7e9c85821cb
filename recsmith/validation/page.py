"""The findings as one HTML file that opens without a network."""

from __future__ import annotations

from jinja2 import Environment, StrictUndefined

from recsmith.validation.findings import Report

TITLES = {
    "schema_and_types": "Every column is there and of its type",
    "no_null_ids": "Every interaction has a user and an item",
    "no_duplicates": "No interaction is there twice (user, item, event, timestamp)",
    "timestamp_range": "Timestamps are sane UTC seconds",
    "weight_range": "Weights are finite and in range",
    "enough_users": "Enough users",
    "enough_items": "Enough items",
    "enough_interactions": "Enough interactions",
    "users_under_k": "Few users have very short histories",
    "orphan_features": "Side tables and interactions fit each other",
}


def render(report: Report) -> str:
    """The page; equal reports give equal text."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(PAGE).render(
        report=report, titles=TITLES, state=lambda finding: _state(finding.success, finding.severity)
    )


def _state(success: bool, severity: str) -> str:
    if success:
        return "passed"
    return "failed" if severity == "critical" else "warning"


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Can the data be trusted?</title>
<style>
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --line: #dfe3ea; --paper: #fff; --wash: #f6f7f9;
  --passed: #18794e; --warning: #a15c00; --failed: #c0262d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaf0; --soft: #9aa4b5; --line: #323a48; --paper: #161a21;
  --wash: #1e242e; --passed: #4cc38a; --warning: #f1a10d; --failed: #ff7b7f; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: .2rem; } h2 { margin-top: 2.5rem; } .soft { color: var(--soft); }
dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; padding: 1rem; background: var(--wash); border-radius: .5rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .45rem .7rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere;
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; } .number { text-align: right; font-variant-numeric: tabular-nums; }
.passed, .warning, .failed { font-weight: 600; white-space: nowrap; }
.passed { color: var(--passed); } .warning { color: var(--warning); } .failed { color: var(--failed); }
.scroll { overflow-x: auto; } code { font-size: .9em; }
</style>
</head>
<body>
<h1>Can the data be trusted?</h1>
{% if report.broken %}
<p class="failed">No: {{ report.broken | length }} critical
{{ "check" if report.broken | length == 1 else "checks" }} failed. The line stops here.</p>
{% else %}
<p class="passed">Yes: every critical check passed.</p>
{% endif %}
{% if report.counts %}
<dl>
{% for name in ("interactions", "users", "items", "events") %}
<div><dt>{{ name }}</dt><dd>{{ "{:,}".format(report.counts[name]) }}</dd></div>
{% endfor %}
</dl>
{% endif %}
<div class="scroll"><table>
<tr><th>Check</th><th>Severity</th><th>Result</th><th class="number">Unexpected</th><th class="number">Of</th>
<th>Found</th></tr>
{% for finding in report.findings %}
<tr><td>{{ titles[finding.name] }}<br><code class="soft">{{ finding.name }}</code></td><td>{{ finding.severity }}</td>
<td class="{{ state(finding) }}">{{ "not judged" if finding.error else state(finding) }}</td>
<td class="number">{{ "{:,}".format(finding.unexpected) }}</td>
<td class="number">{{ "{:,}".format(finding.total) }}</td>
<td>{{ finding.observed }}</td></tr>
{% endfor %}
</table></div>
{% for finding in report.findings if not finding.success %}
<h2 class="{{ state(finding) }}">{{ titles[finding.name] }}</h2>
{% if finding.error %}
<p>This check could not be judged: {{ finding.error }}</p>
{% endif %}
<p>{{ finding.advice }}</p>
{% if finding.rows %}
<p class="soft">First offending rows:</p>
<div class="scroll"><table>
<tr>{% for name in finding.rows[0] %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in finding.rows %}
<tr>{% for value in row.values() %}<td>{{ "null" if value is none else value }}</td>{% endfor %}</tr>
{% endfor %}
</table></div>
{% endif %}
{% endfor %}
</body>
</html>
"""
