"""Reads what the search wrote into what its page is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recsmith.files import read_json
from recsmith.report.inputs import Row
from recsmith.report.read import read_csv, timing
from recsmith.report.search.inputs import SearchInputs, Trial, Value, number, value_of
from recsmith.search.filter_space import KNOBS
from recsmith.search.gnn_space import names_read

FILTER_KNOBS = dict.fromkeys(["kind", "recency", "weights", *(name for names in KNOBS.values() for name in names)])


def read_search(line: Path, metric: str, strategy: str) -> SearchInputs:
    """The search's files below the folder ``line``, and the baselines that it had to beat."""
    seconds = timing(line / "search").get("trials", {})
    return SearchInputs(
        source=read_json(line / "ingest/source.json"),
        metric=metric,
        strategy=strategy,
        best=read_json(line / "search/best.json"),
        rows=[trial(row, metric, seconds) for row in read_csv(line / "search/trials.csv")],
        baselines=baselines(read_json(line / "baseline/records.json"), metric),
        node_scores=[{**row, "delta": float(row["delta"])} for row in read_csv(line / "search/node_scores.csv")],
        pareto=read_csv(line / "search/pareto.csv"),
        trust=read_json(line / "search/trust.json"),
    )


def trial(row: Mapping[str, str], metric: str, seconds: Mapping[str, float]) -> Trial:
    """A row of ``trials.csv``; ``seconds`` by the number of the trial."""
    return Trial(
        number=int(row["number"]),
        key=row["key"],
        name=row["name"],
        family=row["family"],
        text=row["description"],
        status=row["status"],
        value=number(row[metric]) if row["status"] == "done" else None,
        knobs=knobs(row),
        fidelity=number(row.get("fidelity")) or 1.0,
        parent=row.get("parent") or "",
        users=int(row["users"]) if row.get("users") else None,
        epochs=int(row.get("epochs") or 0),
        seconds=seconds.get(row["number"]),
        error=row.get("error") or "",
    )


def knobs(row: Mapping[str, str]) -> dict[str, Value]:
    """The knobs that a candidate reads; of its layers their number and their kinds, for each is a choice of its own."""
    names = FILTER_KNOBS if row["family"] == "filter" else {}
    layers: dict[str, Value] = {}
    if row["family"] == "gnn":
        operators = [name for name in row["operators"].split("+") if name]
        names, kinds = dict.fromkeys(names_read(operators, row)), "+".join(sorted(set(operators))) or "none"
        layers = {"operators": kinds, "layers": len(operators)}
        layers |= {"structure": "cell" if row.get("inputs") else "chain"}
    read = {name: value_of(row[name]) for name in names if row.get(name)}
    return {"family": row["family"], **layers, **read}


def baselines(records: list[Row], metric: str) -> dict[str, float]:
    """Each baseline as it was chosen, with the metric that it reached on valid."""
    chosen = [record for record in records if record.get("chosen") and metric in record.get("metrics", {})]
    return {str(record["name"]): float(record["metrics"][metric]) for record in chosen}
