"""Optimisers, schedules and clipping."""

from __future__ import annotations

import pytest
import torch
from fitting import SETTINGS, SMALL, small_graph, small_valid, tables
from torch import nn

from recsmith.engine.fit import fit
from recsmith.engine.train.optimise import Optimiser, decay, rate
from recsmith.model.architecture import Gnn
from recsmith.model.names import OPTIMIZERS, SCHEDULES


def moved(update: dict[str, object], gradient: list[float]) -> torch.Tensor:
    """Where a step from (1, 1) along ``gradient`` ends."""
    weights = nn.Linear(2, 1, bias=False)
    nn.init.ones_(weights.weight)
    optimiser = Optimiser(Gnn.model_validate({"learning_rate": 0.1, **update}), weights, 10)
    weights.weight.grad = torch.tensor([gradient])
    optimiser.step()
    return weights.weight.detach()[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_learns_and_repeats_itself(name: str) -> None:
    chosen = SMALL.model_copy(update={"optimizer": name})
    first, second = (fit(chosen, small_graph(), SETTINGS, small_valid()) for _ in range(2))
    assert torch.equal(tables(first), tables(second))
    assert first.history[-1]["loss"] < first.history[0]["loss"]


def test_first_steps_are_those_of_the_papers() -> None:
    for name in ("adam", "adagrad"):
        assert moved({"optimizer": name}, [2.0, -3.0]).tolist() == pytest.approx([0.9, 1.1], abs=1e-5)
    assert moved({"optimizer": "rmsprop"}, [2.0, -3.0]).tolist() == pytest.approx([0.0, 2.0], abs=1e-5)
    assert moved({"optimizer": "adamw", "weight_decay": 0.5}, [0.0, 0.0]).tolist() == pytest.approx([0.95, 0.95])


def test_the_decay_of_adamw_is_not_in_the_loss_too() -> None:
    assert [decay(Gnn(optimizer=name, weight_decay=0.3)) for name in ("adam", "adamw")] == [0.3, 0.0]


def test_long_gradients_are_shortened_and_short_ones_left() -> None:
    knobs = {"optimizer": "adagrad", "clip": 1.0}
    weights = nn.Linear(2, 1, bias=False)
    optimiser = Optimiser(Gnn.model_validate(knobs), weights, 10)
    for given, left in (([3.0, 4.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4])):
        weights.weight.grad = torch.tensor([given])
        optimiser.step()
        assert weights.weight.grad[0].tolist() == pytest.approx(left, abs=1e-5)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_rate_grows_evenly_to_its_peak_then_follows_the_schedule(name: str) -> None:
    chosen = Gnn(schedule=name, warmup=0.2, learning_rate=1.0)
    rates = [rate(chosen, step, 100) for step in range(100)]
    assert rates[:20] == pytest.approx([(step + 1) / 21 for step in range(20)])
    assert rates[20] == max(rates) == 1.0
    assert min(rates) > 0
    middle = {"constant": 1.0, "linear": 0.5, "cosine": 0.5}[name]
    assert rates[60] == pytest.approx(middle)
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rate(chosen, 250, 100) == rates[99]


def test_a_fixed_number_of_epochs_follows_the_schedule_of_all_that_are_allowed() -> None:
    chosen = SMALL.model_copy(update={"schedule": "cosine", "warmup": 0.1})
    stopped = fit(chosen, small_graph(), SETTINGS, small_valid())
    fixed = fit(chosen, small_graph(), SETTINGS.__class__(**{**vars(SETTINGS), "epochs": stopped.epochs}))
    assert torch.equal(tables(stopped), tables(fixed))
