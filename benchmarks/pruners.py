"""What each pruner keeps at an equal share: ``python -m benchmarks.pruners --data DIR --json OUT [--models NAME...]``.

LightGCN, two graph convolutions and two attention layers, 64 channels each, trained on train for a few epochs, in
float32. Tables lose columns (``compress.pruner``); the two networks with weights also lose channels, heads or a layer
as a whole (form ``slim``), before and after training goes on. Retained is NDCG@20 against the fp32 export, on valid and
on the sealed test, with the histories of train.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.choice import settings_of
from benchmarks.common import (
    ROOT,
    Data,
    arguments,
    data_of,
    limited_threads,
    measured_on,
    run,
    sections,
    table,
    write_json,
)
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import export
from recsmith.compress.forms import made, models_of, named_forms
from recsmith.compress.histories import histories
from recsmith.compress.judge import Judge
from recsmith.compress.methods import Recipe
from recsmith.compress.origin import Origin
from recsmith.config.compress import Compress, Export, Slim
from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.files import read_json
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import architecture
from recsmith.serving.model import ServingModel

K = 20
METRIC = f"ndcg@{K}"
LIGHTGCN = ROOT / "benchmarks/settings/lightgcn.json"
LAYERS: dict[str, dict[str, Any]] = {
    "lightgcn": {"negatives": 16},
    "gcn": {"negatives": 16, "operators": ["gcn", "gcn"], "activation": "leaky_relu"},
    "gat": {"negatives": 16, "operators": ["gat", "gat"], "activation": "leaky_relu", "heads": 4},
}
"""What differs from the LightGCN of the settings."""
PRUNERS = ("SVD", "L1", "L2", "FPGM", "Taylor", "Movement", "AGP")
SHARES = (0.5, 0.75)
TRAINED = 8
"""Epochs of the networks."""
EPOCHS = (0, 3)
"""Of training after a network was pruned."""
COLUMNS = ("model", "what", "pruner", "share", "epochs", "ratio", "valid", "test")


@dataclass(frozen=True)
class Model:
    """A fitted model and the data that it was fitted on."""

    fitted: Fitted
    data: Data
    settings: FitSettings

    @property
    def exact(self) -> ServingModel:
        """Its fp32 export."""
        run = self.settings
        return next(iter(export(self.fitted.model, self.data.fit, Export(), run.seed, run.memory_mb).values()))

    def quality(self, model: ServingModel, pairs: Relevant) -> float:
        """NDCG@20 of the lists that ``model`` serves."""
        judge = Judge(histories(self.data.fit), pairs, (K,), METRIC, {METRIC: 0.0})
        return judge.metrics(model).metrics[METRIC]


def of_tables(model: Model) -> Iterator[tuple[dict[str, Any], ServingModel]]:
    """Columns of the export that go by each pruner."""
    exact, calibration = {"exact": model.exact}, Calibration(histories(model.data.fit), model.settings.seed)
    for share in SHARES:
        for pruner in PRUNERS:
            small = Recipe(Knobs(sparsity=share, pruner=pruner)).apply(exact, calibration)
            yield {"what": "columns", "pruner": pruner, "share": share, "epochs": 0}, small


def of_networks(model: Model) -> Iterator[tuple[dict[str, Any], ServingModel]]:
    """Forms of the network with half of its channels or heads, by each pruner, and without a layer."""
    heads = model.fitted.architecture.model_dump().get("heads", 1) > 1
    for epochs in EPOCHS:
        for pruner in PRUNERS[1:]:
            slim = Slim(units=("channels", "heads") if heads else ("channels",), pruner=pruner, epochs=epochs)
            for name, small in forms(model, slim).items():
                yield {"what": name, "pruner": pruner, "share": 0.5, "epochs": epochs}, small
        for name, small in forms(model, Slim(units=("layers",), epochs=epochs)).items():
            yield {"what": name, "pruner": "", "share": 0.0, "epochs": epochs}, small


def forms(model: Model, slim: Slim) -> Mapping[str, ServingModel]:
    """The forms ``slim`` of a model."""
    params = Compress(forms=("slim",), slim=slim)
    origin = Origin(model.fitted, model.data.fit, model.settings, model.exact, params, print)
    return models_of(made(named_forms(params, model.fitted.architecture, print), origin))


def measured(name: str, data: Data, settings: FitSettings) -> Iterator[dict[str, Any]]:
    """The rows of one model."""
    chosen = architecture(read_json(LIGHTGCN) | LAYERS[name], name)
    model = Model(fit(chosen, data.fit, replace(settings, epochs=TRAINED)), data, settings)
    exact, pairs = model.exact, {"valid": data.valid, "test": data.test()}
    whole = {kind: model.quality(exact, of) for kind, of in pairs.items()}
    yield {"model": name, "what": "export", "bytes": exact.model_bytes, METRIC: whole}
    for kind in (of_tables,) if name == "lightgcn" else (of_tables, of_networks):
        for row, small in kind(model):
            kept = {side: model.quality(small, of) / whole[side] for side, of in pairs.items()}
            ratio = exact.model_bytes / small.model_bytes
            yield {"model": name, **row, "bytes": small.model_bytes, "ratio": ratio, **kept}


def main() -> None:
    """Measure, write after each row, print."""
    parser = arguments("pruners", __doc__)
    parser.add_argument("--models", nargs="*", default=list(LAYERS), choices=list(LAYERS))
    args: argparse.Namespace = parser.parse_args()
    given, out = sections(args.params), args.json or Path(".work/benchmarks/pruners.json")
    rows: list[dict[str, Any]] = []
    with limited_threads(given.run.threads), data_of(args) as data:
        head = measured_on() | {"dataset": data.name, "users": data.refit.n_users, "items": data.refit.n_items}
        for name in args.models:
            for row in measured(name, data, settings_of(data, given)):
                print(row, flush=True)
                rows.append(row)
                write_json(out, head | {"rows": rows})
    print(table(COLUMNS, [[row.get(name) for name in COLUMNS] for row in rows]))


if __name__ == "__main__":
    run(main)
