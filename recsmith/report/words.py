"""Sentences that hold for any winner, any data set, wins, ties and losses."""

from __future__ import annotations

from typing import Any

from recsmith.report import labels
from recsmith.report.inputs import Inputs
from recsmith.report.numbers import count, milliseconds, percent, score, seconds, signed, signed_percent, size
from recsmith.report.shape import losses


def headline(inputs: Inputs) -> str:
    """Which architecture wins on this data."""
    name, source = labels.architecture(inputs.best.get("architecture", {})), labels.source(inputs.source)
    rival = inputs.strongest
    if rival is not None and _paired(inputs, rival)["interval"][1] < 0:
        return f"On {source}, {labels.model(rival)} does better than the best that the search found."
    if rival is not None and _paired(inputs, rival)["difference"] < 0:
        return f"{name[0].upper()}{name[1:]} and {labels.model(rival)} are level on {source}."
    return f"{name[0].upper()}{name[1:]} wins on {source}."


def against(inputs: Inputs) -> str:
    """How the winner compares with the strongest baseline on the test."""
    rival = inputs.strongest
    if rival is None:
        return "No baseline could be measured, so there is nothing to compare it with."
    name = labels.model(rival)
    paired = _paired(inputs, rival)
    low, high = paired["interval"]
    if paired["difference"] == low == high == 0:
        return _even(inputs, rival)
    if high < 0:
        which = labels.architecture(inputs.best.get("architecture", {}))
        amount = _amount(inputs, rival, paired)
        return f"The search found {which}. It falls short of {name}, the strongest baseline: {amount}."
    return f"{_verdict(low)} {name}, the strongest baseline on the test: {_amount(inputs, rival, paired)}."


def _even(inputs: Inputs, rival: str) -> str:
    reached = f"{labels.metric(inputs.headline)} {score(inputs.models['full']['test'][inputs.headline])}"
    if inputs.twin == rival:
        return (
            f"The search found nothing better on validation data than {labels.model(rival)} as it was tuned, so that "
            f"baseline itself stands, the strongest on the test too: {reached}."
        )
    return f"It does exactly as well as {labels.model(rival)}, the strongest baseline on the test: {reached}."


def won(inputs: Inputs) -> str:
    """What the search ended with."""
    name, metric = labels.architecture(inputs.best.get("architecture", {})), labels.metric(inputs.metric)
    if inputs.twin:
        return (
            f"No trial was better by {metric} on validation data than the baseline {labels.model(inputs.twin)}, "
            f"so the winner is {name}, as that baseline was tuned."
        )
    return f"The winner is {name}, chosen by {metric} on validation data."


def _paired(inputs: Inputs, rival: str) -> dict[str, Any]:
    return inputs.metrics["paired"]["full"][rival][inputs.headline]


def _verdict(low: float) -> str:
    return "It beats" if low > 0 else "It cannot be told apart from"


def _amount(inputs: Inputs, rival: str, paired: dict[str, Any]) -> str:
    base = inputs.models[rival]["test"][inputs.headline]
    low, high = paired["interval"]
    relative = f" ({signed_percent(paired['difference'] / base)})" if base else ""
    reached = score(inputs.models["full"]["test"][inputs.headline])
    return (
        f"{labels.metric(inputs.headline)} {reached} against {score(base)}, a difference of "
        f"{signed(paired['difference'])}{relative}, {confidence(inputs)} {signed(low)} to {signed(high)}"
    )


def confidence(inputs: Inputs) -> str:
    """What the bars of the charts are."""
    return f"{100 * inputs.confidence:g} % interval"


def chosen_on_valid(inputs: Inputs) -> str:
    """What the choice was made on; the test decided nothing."""
    metric, full = inputs.metric, inputs.models["full"]
    there, after = (score(full[part].get(metric)) for part in ("valid", "test"))
    found = f"{labels.metric(metric)} {there} there, {after} on the test"
    return f"It was chosen on validation data alone ({found}); the test was opened once, after."


def small(inputs: Inputs) -> str:
    """How small the bundle is and what that cost."""
    whole, served = (inputs.models.get(name) for name in ("full", "bundle"))
    used, exported = model_bytes(inputs)
    if whole is None or served is None or used is None:
        return "No bundle was measured."
    before, after = whole["test"][inputs.headline], served["test"][inputs.headline]
    ratio = f", {exported / used:.1f} times smaller than its fp32 export" if exported else ""
    kept = f" and keeps {percent(after / before)} of its {labels.metric(inputs.headline)} on the test" if before else ""
    return f"It serves from {size(used)} of model{ratio}{kept}."


def paid(inputs: Inputs) -> str:
    """Whether compression is paid for by some users alone."""
    whole, *parts = [row for row in losses(inputs.choice) if row["lost"] is not None] or [{}]
    if not parts:
        return "There was nothing to lose."
    worst = max(parts, key=lambda row: row["lost"])
    return (
        f"All users together {_lose(whole['lost'])} {percent(abs(whole['lost']))} of "
        f"{labels.metric(inputs.choice['metric'])} on validation against the fp32 export; the "
        f"{n_of(worst['users'], 'user')} with {worst['slice']} interactions "
        f"{_lose(worst['lost'])} {'most' if worst['lost'] > 0 else 'least'}: {percent(abs(worst['lost']))}."
    )


def _lose(lost: float) -> str:
    return "lose" if lost > 0 else "gain"


def model_bytes(inputs: Inputs) -> tuple[int | None, int | None]:
    """Bytes of the bundle's model tensors and of the fp32 export."""
    found = inputs.choice.get("bytes")
    values: dict[str, Any] = found if isinstance(found, dict) else {"chosen": found}
    return values.get("chosen"), values.get("export")


def stand_in(inputs: Inputs) -> tuple[str, str] | None:
    """The warning of a run on data that only stands in, and what it means."""
    if not inputs.source.get("stand_in"):
        return None
    reason = inputs.source.get("reason") or "no reason was recorded"
    return (
        "Stand-in data: these are invented people and products.",
        f"The data asked for could not be had ({reason}), so this run used the built-in demo, a made-up marketplace. "
        "Nothing here says anything about the data you asked for.",
    )


def for_trying(inputs: Inputs) -> tuple[str, str] | None:
    """What has to be said of data for trying: the demo, and the small MovieLens set as its licence asks."""
    if inputs.source.get("name") == "demo":
        return (
            "Invented data.",
            "The built-in demo is a made-up marketplace whose truth is known. It shows how the line works, not how a "
            "method does on real people.",
        )
    if inputs.source.get("name") != "ml-latest-small":
        return None
    return (
        "This small data set is for trying.",
        "MovieLens latest-small is a development set that changes over time; its licence says that it is not "
        "appropriate for shared research results. Take these numbers as a sign that the line works, and run it on your "
        "own data.",
    )


def oracle(inputs: Inputs) -> str | None:
    """How near the winner comes to the best that could be reached, where the truth is known."""
    truth = inputs.metrics.get("oracle")
    best = (truth or {}).get(inputs.headline)
    if not best:
        return None
    share = inputs.models["full"]["test"][inputs.headline] / best
    return (
        f"The demo's truth is known: ranking by the true probabilities reaches {labels.metric(inputs.headline)} "
        f"{score(best)} on this test. The winner reaches {percent(share)} of that."
    )


def any_found(inputs: Inputs) -> bool:
    """Whether any shown recommendation is something that its user turned to in the test."""
    return any(any(person.found) for person in inputs.people)


def data(inputs: Inputs) -> str:
    """Where the data came from and how the test was set apart."""
    counts, split = inputs.source.get("counts", {}), inputs.metrics["split"]
    have = f"{n_of(counts.get('interactions'), 'interaction')} of {n_of(counts.get('users'), 'user')} with "
    have = f"{have}{n_of(counts.get('items'), 'item')}. " if counts else ""
    method = labels.METHODS.get(str(split.get("method")), str(split.get("method")))
    return f"{labels.source(inputs.source)}: {have}The sealed test is {method}.{_cold(split)}"


def _cold(split: dict[str, Any]) -> str:
    users, pairs = split.get("test_users_without_history", 0), split.get("test_pairs_with_unknown_item", 0)
    parts = [f"{n_of(users, 'user')} without any history (served the popular items)"] if users else []
    parts += [f"{n_of(pairs, 'pair')} with an item that nobody could know of (counted as misses)"] if pairs else []
    return f" It holds {' and '.join(parts)}." if parts else ""


def n_of(value: int | None, noun: str) -> str:
    """A number and its noun: ``1 user``, ``2 users``."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def leaks(inputs: Inputs) -> str:
    """What the audit of the splits proved."""
    proofs = inputs.audit.get("proofs", {})
    if not proofs:
        return "No audit was recorded."
    broken = [name for name, value in proofs.items() if value]
    if broken:
        return "The audit found leaks: " + ", ".join(name.replace("_", " ") for name in broken) + "."
    return f"Counted in the written files: no pair stands in two splits{_future(inputs)}."


def _future(inputs: Inputs) -> str:
    """What the audit proved about time."""
    if "future_rows_train_test" not in inputs.audit["proofs"]:
        return ""
    if inputs.audit.get("method") == "global_temporal":
        return ", and nothing that was learnt from lies after the moment at which the test begins"
    return ", and nothing that was learnt from a user lies after what that user is tested on"


def checked(inputs: Inputs) -> str:
    """What the data checks said, in one sentence."""
    found = inputs.checks.get("checks", [])
    if not found:
        return "No checks were recorded."
    failed = [check for check in found if not check.get("success")]
    passed = f"{len(found) - len(failed)} of {len(found)} checks passed"
    return f"{passed}." if not failed else f"{passed}; the others warn and do not stop the line."


def cost(inputs: Inputs) -> str:
    """Time and memory of the whole line, and of one answer."""
    spent = [value["seconds"] for value in inputs.timing.values() if value.get("seconds") is not None]
    memory = [value["peak_memory_mb"] for value in inputs.timing.values() if value.get("peak_memory_mb") is not None]
    if not spent:
        return "No times were recorded."
    peak = f" and {max(memory) / 1000:.1f} GB of memory at most" if memory else ""
    query = inputs.timing.get("evaluate", {}).get("bundle_query", {})
    answer = (
        f" One answer of the bundle takes {milliseconds(query['p50_ms'])} at the median and "
        f"{milliseconds(query['p99_ms'])} at the 99th percentile ({n_of(query['calls'], 'call')}, one after the other)."
        if query
        else ""
    )
    return f"The line took {seconds(sum(spent))}{peak}.{answer}"


def origin(inputs: Inputs) -> str:
    """Which state of code and data this report stands for."""
    git, bundle = inputs.lineage.get("git") or {}, inputs.lineage.get("bundle")
    commit = git.get("commit")
    code = (
        f"Code at commit {commit[:12]}{' with uncommitted changes' if git.get('dirty') else ''}"
        if commit
        else ("Code outside of any git repository")
    )
    return f"{code}; bundle {bundle[:12]}. The whole chain stands below and in lineage.json." if bundle else f"{code}."
