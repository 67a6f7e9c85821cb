"""Every loss keeps one contract and gives values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from recsmith.errors import UserError
from recsmith.losses import LOSSES, loss
from recsmith.model.names import LOSSES as NAMES

every_loss = pytest.mark.parametrize("name", sorted(LOSSES))


def scores(n: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    positive, negative = torch.randn(5, generator=generator), torch.randn(5, n, generator=generator)
    return positive.requires_grad_(), negative.requires_grad_()


def test_the_resolver_and_the_list_of_names_agree() -> None:
    assert sorted(LOSSES) == sorted(NAMES)


def test_an_unknown_loss_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(UserError, match=r"'hinge' is unknown. Known: bpr, sampled_softmax"):
        loss("hinge")


@every_loss
def test_equal_scores_of_one_pair_cost_the_logarithm_of_two(name: str) -> None:
    assert loss(name)(torch.zeros(4), torch.zeros(4, 1)).item() == pytest.approx(math.log(2))


def test_bpr_averages_over_negatives() -> None:
    value = loss("bpr")(torch.tensor([1.0]), torch.tensor([[0.0, 2.0]])).item()
    assert value == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + math.exp(1))) / 2)


def test_sampled_softmax_is_the_surprise_at_the_positive() -> None:
    value = loss("sampled_softmax")(torch.tensor([1.0]), torch.tensor([[0.0, 2.0]])).item()
    assert value == pytest.approx(-math.log(math.e / (math.e + 1 + math.e**2)), abs=1e-6)


def test_sampled_softmax_of_equal_scores_costs_the_logarithm_of_their_number() -> None:
    assert loss("sampled_softmax")(torch.zeros(2), torch.zeros(2, 9)).item() == pytest.approx(math.log(10))


@every_loss
def test_descent_raises_positives_and_lowers_negatives(name: str) -> None:
    positive, negative = scores()
    loss(name)(positive, negative).backward()
    assert (positive.grad < 0).all()
    assert (negative.grad > 0).all()


@every_loss
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    positive, negative = scores()
    inputs = positive.detach().double().requires_grad_(), negative.detach().double().requires_grad_()
    assert torch.autograd.gradcheck(loss(name), inputs)


@every_loss
def test_masked_negatives_do_not_count(name: str) -> None:
    positive, negative = scores()
    with_mask = torch.cat([negative, torch.full((5, 2), -torch.inf)], 1)
    torch.testing.assert_close(loss(name)(positive, with_mask), loss(name)(positive, negative))
    loss(name)(positive, with_mask).backward()
    assert torch.isfinite(negative.grad).all()


@every_loss
def test_a_batch_whose_negatives_are_all_masked_is_finite(name: str) -> None:
    positive, negative = scores()
    value = loss(name)(positive, negative + torch.full((5, 3), -torch.inf))
    value.backward()
    assert value.item() == 0
    assert torch.isfinite(positive.grad).all()


@every_loss
@pytest.mark.parametrize("size", [1e3, 1e6])
def test_huge_scores_do_not_overflow(name: str, size: float) -> None:
    value = loss(name)(torch.tensor([-size, size]), torch.tensor([[size], [-size]]))
    assert value.item() == pytest.approx(size)
