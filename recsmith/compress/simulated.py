"""Tables quantised by NNI: calibrated after training (``ptq``) or trained as they will be stored (``qat``).

NNI simulates: float32 goes in and float32 comes out (Jacob et al. 2018, section 3). What is stored here are the whole
numbers and the scales behind that, so that the stored model answers as the simulated one does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nni
import numpy as np
import torch
from nni.compression import TorchEvaluator
from nni.compression.base.setting import QuantizationSetting
from nni.compression.quantization import PtqQuantizer, QATQuantizer

from recsmith.compress.contract import WHOLE_BITS, Calibration, Knobs
from recsmith.compress.learnt import Learnt, Stored
from recsmith.compress.popularity import narrowed, ranked
from recsmith.compress.quantised import quantise_sparse
from recsmith.compress.tune import learn, step, tunable
from recsmith.errors import UserError
from recsmith.serving.model import ServingModel
from recsmith.serving.packed import PackedTable, pack
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable

PEOPLE_BITS = 8
"""Stored people do not weigh in the model, and lose next to nothing."""
TABLES = ("item_vectors", "projection", "user_vectors")
WEIGHT = {"quant_dtype": None, "quant_scheme": None, "granularity": "default", "apply_method": "clamp_round"}
QuantizationSetting.register(Stored.__name__, {"weight": WEIGHT})


class Simulation(torch.nn.Module):
    """Tables by name, each as NNI sees it; a network that is trained has the same ones in its own places."""

    def __init__(self, tables: dict[str, Stored]) -> None:
        super().__init__()
        self.tables = torch.nn.ModuleDict(tables)

    def forward(self) -> list[torch.Tensor]:
        """Every table. Shapes: -> (n, r) each."""
        return [table() for table in self.tables.values()]


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` with ``knobs.precision`` bits a number and the scale of each row that NNI finds.

    Training (``qat``) is fine-tuning, for ``knobs.tune.epochs``; what cannot be fine-tuned (blends, low rank plus
    sparse) is calibrated (``ptq``). UserError where there are no histories, no epochs to train for, or where scales are
    not positive.
    """
    changed: dict[str, Any] = {} if not model.rank else _tables(model, simulation(model, calibration, knobs))
    counted = narrowed if knobs.precision == "int8" else ranked
    return replace(model, sparse=quantise_sparse(model.sparse), popularity=counted(model.popularity), **changed)


def simulation(model: ServingModel, calibration: Calibration, knobs: Knobs) -> Simulation:
    """The tables of ``model``, wrapped by NNI, its scales found; called, they give what is stored, in float32."""
    calibration.known()
    if knobs.quantiser == "qat" and tunable(model):
        return _trained(model, calibration, knobs)
    tables = {name: getattr(model, name) for name in TABLES}
    found = Simulation({
        name: Stored(table, "float32", learnt=True)
        for name, table in tables.items()
        if table is not None and not isinstance(table, TiedTable)
    })  # fmt: skip
    evaluator = _evaluator(list(found.parameters()), 1.0, _untrained, lambda network: network())
    config = [_wanted(f"tables.{name}", knobs) for name in found.tables]
    PtqQuantizer(found, config, evaluator).compress(None, 1)
    return found.eval()


def _trained(model: ServingModel, calibration: Calibration, knobs: Knobs) -> Simulation:
    tune = knobs.tune
    if not tune.epochs or tune.top:
        raise UserError(
            "params.yaml: compress.quantiser = qat trains the tables as they will be stored: compress.tune.epochs must "
            "be 1 at least, and compress.tune.top false. Without training, take compress.quantiser: ptq."
        )
    student = Learnt(model, "float32", top=False)
    others = {} if student.others is None else {_other(model): student.others}
    found = Simulation({"item_vectors": student.items, **others})
    places = {"item_vectors": "items", _other(model): "others"}

    def training(network: Any, optimiser: torch.optim.Optimizer, *_: object) -> None:
        learn(network, optimiser, model, calibration, tune)

    evaluator = _evaluator(student.learnt(), step(student, tune), training, lambda network: None)
    config = [_wanted(places[name], knobs, name) for name in found.tables]
    QATQuantizer(student, config, evaluator).compress(None, tune.epochs)
    return found.eval()


def _untrained(*_: object) -> None:
    """Calibration trains nothing."""


def _other(model: ServingModel) -> str:
    return "user_vectors" if model.projection is None else "projection"


def _evaluator(parameters: list[torch.nn.Parameter], rate: float, training: Any, evaluating: Any) -> TorchEvaluator:
    optimiser = nni.trace(torch.optim.Adam)(parameters, lr=rate)
    # All of training is one function; quantisers change no step of it.
    return TorchEvaluator(training, optimiser, training, evaluating_func=evaluating)


def _wanted(place: str, knobs: Knobs, name: str = "") -> dict[str, Any]:
    """What NNI is asked of the module at ``place``: a scale for each row."""
    bits = PEOPLE_BITS if (name or place).endswith("user_vectors") else WHOLE_BITS[knobs.precision]
    scheme = {"quant_dtype": f"int{bits}", "quant_scheme": "symmetric", "granularity": [1, -1]}
    return {"op_names": [place], "target_names": ["weight"], **scheme}


def _tables(model: ServingModel, found: Simulation) -> dict[str, VectorTable]:
    """The tables of the model as NNI found them."""
    small = {name: stored(name, table) for name, table in found.tables.items()}
    if isinstance(model.projection, TiedTable):
        small["projection"] = model.projection.on(small["item_vectors"])
    return small


def stored(name: str, table: Any) -> VectorTable:
    """Whole numbers and scales of a table that NNI wrapped."""
    space = table._nni_wrapper.quantization_target_spaces["weight"]
    scale, least, most = space.scale.numpy().astype(np.float32), space.qmin, space.qmax
    if not (np.isfinite(scale) & (scale > 0)).all() or space.zero_point.any():
        raise UserError(
            f"NNI found scales of {name} that are zero, negative or not finite. Choose params.yaml: "
            "compress.quantiser: rows, or a smaller compress.tune.learning_rate."
        )
    given = space.target.detach().numpy()
    values = np.rint(np.clip(given / scale, least, most)).astype(np.int64)
    if given.any() and not values.any():
        raise UserError(
            f"The numbers of {name}, {np.abs(given).max():.1g} at most, are below the scales that NNI finds. Choose "
            "params.yaml: compress.quantiser: rows."
        )
    if space.quant_bits == PEOPLE_BITS:
        return Table(values.astype(np.int8), scale[:, 0])
    levels = np.arange(2**space.quant_bits, dtype=np.float32) + least
    return PackedTable(pack(values - least, space.quant_bits), levels, scale, values.shape[1])
