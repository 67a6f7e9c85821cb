"""Every loss keeps one contract and gives values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from recsmith.errors import UserError
from recsmith.losses import LOSSES, loss
from recsmith.losses.contract import Value
from recsmith.losses.directau import uniformity
from recsmith.losses.log_sum_exp import log_sum_exp
from recsmith.model.gnn import Gnn
from recsmith.model.names import LOSSES as NAMES

KNOBS = Gnn(margin=-0.9, negative_weight=0.7)
"""A margin below nearly every cosine, so that all negatives count."""

OF_SCORES = sorted(name for name, kind in LOSSES.items() if kind.reads != "vectors")
every_loss = pytest.mark.parametrize("name", sorted(LOSSES))
every_loss_of_scores = pytest.mark.parametrize("name", OF_SCORES)
every_logistic_loss = pytest.mark.parametrize("name", sorted(set(OF_SCORES) - {"ccl"}))


def value(name: str, **knobs: float) -> Value:
    return loss(name).of(KNOBS.model_copy(update=knobs))


def columns(name: str, n: int = 3) -> int:
    return 1 if loss(name).reads == "batch" else n


def scores(n: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines, so that they suit every loss."""
    generator = torch.Generator().manual_seed(1)
    positive, negative = (torch.rand(*shape, generator=generator) * 1.6 - 0.8 for shape in ((5,), (5, n)))
    return positive.requires_grad_(), negative.requires_grad_()


def vectors() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    users, items = (normalize(torch.randn(5, 4, generator=generator)) for _ in range(2))
    return users.requires_grad_(), items.requires_grad_()


def inputs(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    return vectors() if loss(name).reads == "vectors" else scores(columns(name))


def test_the_resolver_and_the_list_of_names_agree() -> None:
    assert sorted(LOSSES) == sorted(NAMES)


def test_an_unknown_loss_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(UserError, match=r"'hinge' is unknown. Known: bce, bpr, ccl, directau"):
        loss("hinge")


@every_loss
def test_a_loss_is_one_finite_number(name: str) -> None:
    out = value(name)(*inputs(name))
    assert out.shape == ()
    assert torch.isfinite(out)


@every_loss
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    given = tuple(each.detach().double().requires_grad_() for each in inputs(name))
    assert torch.autograd.gradcheck(value(name), given)


@every_loss
def test_the_order_of_the_pairs_does_not_matter(name: str) -> None:
    given, order = inputs(name), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(value(name)(*(each[order] for each in given)), value(name)(*given))


@every_loss
def test_a_batch_twice_costs_as_much_as_once_where_the_loss_decomposes(name: str) -> None:
    given = inputs(name)
    once, twice = value(name)(*given), value(name)(*(torch.cat([each, each]) for each in given))
    if loss(name).reads != "vectors":
        torch.testing.assert_close(twice, once)
    else:
        assert abs(twice - once) > 1e-3


def test_losses_that_compare_the_pairs_of_a_batch_do_not_decompose() -> None:
    assert {name for name in LOSSES if not loss(name).decomposes} == {"in_batch_softmax", "directau"}


@every_loss
def test_the_mean_of_the_parts_weighted_by_size_is_the_whole_where_the_loss_decomposes(name: str) -> None:
    given = inputs(name)
    parts = sum(value(name)(*(each[part] for each in given)) * n / 5 for part, n in ((slice(2), 2), (slice(2, 5), 3)))
    if loss(name).decomposes:
        torch.testing.assert_close(parts, value(name)(*given))


@every_loss
def test_a_single_pair_is_enough(name: str) -> None:
    out = value(name)(*(each[:1] for each in inputs(name)))
    out.backward()
    assert torch.isfinite(out)


@every_loss_of_scores
def test_better_ranked_pairs_cost_less(name: str) -> None:
    positive, negative = scores(columns(name))
    best, worst = (value(name)(torch.full((5,), s), torch.full_like(negative, -s)) for s in (0.8, -0.8))
    assert best < value(name)(positive, negative) < worst


def test_closer_pairs_and_wider_spread_cost_less_in_directau() -> None:
    users, items = vectors()
    assert value("directau", negative_weight=1e-9)(users, users) < value("directau", negative_weight=1e-9)(users, items)
    one = users[:1].expand(5, 4)
    assert uniformity(users) < uniformity(one)


@every_loss_of_scores
def test_descent_raises_positives_and_lowers_negatives(name: str) -> None:
    positive, negative = scores(columns(name))
    value(name)(positive, negative).backward()
    assert (positive.grad < 0).all()
    assert (negative.grad > 0).all()


@every_loss_of_scores
def test_the_order_of_the_negatives_does_not_matter(name: str) -> None:
    positive, negative = scores(columns(name))
    torch.testing.assert_close(value(name)(positive, negative.flip(1)), value(name)(positive, negative))


@every_loss_of_scores
def test_masked_negatives_do_not_count(name: str) -> None:
    positive, negative = scores(columns(name))
    with_mask = torch.cat([negative, torch.full((5, 2), -torch.inf)], 1)
    torch.testing.assert_close(value(name)(positive, with_mask), value(name)(positive, negative))
    value(name)(positive, with_mask).backward()
    assert torch.isfinite(negative.grad).all()


@every_loss_of_scores
def test_a_batch_whose_negatives_are_all_masked_is_finite(name: str) -> None:
    positive, negative = scores(columns(name))
    out = value(name)(positive, negative + torch.full_like(negative, -torch.inf))
    out.backward()
    assert torch.isfinite(out)
    assert torch.isfinite(positive.grad).all()
    assert not torch.isnan(negative.grad).any()


@pytest.mark.parametrize("name", ["bpr", "sampled_softmax", "in_batch_softmax"])
def test_a_positive_without_any_negative_costs_nothing_where_only_the_difference_counts(name: str) -> None:
    assert value(name)(torch.randn(5), torch.full((5, 1), -torch.inf)).item() == 0


@every_logistic_loss
def test_equal_scores_of_one_pair_cost_the_logarithm_of_two(name: str) -> None:
    assert value(name)(torch.zeros(4), torch.zeros(4, 1)).item() == pytest.approx(math.log(2))


@every_logistic_loss
@pytest.mark.parametrize("size", [1e3, 1e6])
def test_huge_scores_do_not_overflow(name: str, size: float) -> None:
    assert value(name)(torch.tensor([-size, size]), torch.tensor([[size], [-size]])).item() == pytest.approx(
        size if name != "bce" else size / 2
    )


def test_bpr_averages_over_negatives() -> None:
    out = value("bpr")(torch.tensor([1.0]), torch.tensor([[0.0, 2.0]])).item()
    assert out == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + math.exp(1))) / 2)


def test_sampled_softmax_is_the_surprise_at_the_positive() -> None:
    out = value("sampled_softmax")(torch.tensor([1.0]), torch.tensor([[0.0, 2.0]])).item()
    assert out == pytest.approx(-math.log(math.e / (math.e + 1 + math.e**2)), abs=1e-6)


def test_sampled_softmax_of_equal_scores_costs_the_logarithm_of_their_number() -> None:
    assert value("sampled_softmax")(torch.zeros(2), torch.zeros(2, 9)).item() == pytest.approx(math.log(10))


def test_bce_is_the_mean_surprise_at_one_positive_and_its_negatives() -> None:
    out = value("bce")(torch.tensor([1.0]), torch.tensor([[0.0, 2.0, -torch.inf]])).item()
    assert out == pytest.approx((math.log(1 + math.exp(-1)) + math.log(2) + math.log(1 + math.exp(2))) / 3)


def test_ccl_counts_negatives_above_the_margin_only() -> None:
    out = value("ccl", margin=0.5, negative_weight=2.0)(torch.tensor([0.9]), torch.tensor([[0.4, 0.8, -torch.inf]]))
    assert out.item() == pytest.approx(0.1 + 2 * 0.3 / 2)


def test_directau_is_alignment_and_uniformity_by_hand() -> None:
    users = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    items = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    spread = math.log((2 * math.exp(-2 * 2) + math.exp(-2 * 4)) / 3)
    out = value("directau", negative_weight=0.5)(users, items).item()
    assert out == pytest.approx((0 + 2 + 4) / 3 + 0.5 * (spread + 0) / 2, rel=1e-5)


def test_uniformity_is_that_of_all_distances_between_two_different_pairs() -> None:
    users, _ = vectors()
    torch.testing.assert_close(uniformity(users), torch.pdist(users).square().mul(-2).exp().mean().log())


@pytest.fixture(params=[1, 7, 2**22])
def any_block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsmith.losses.log_sum_exp.BLOCK", request.param)


def dense(queries: torch.Tensor, keys: torch.Tensor, bias: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    return (queries @ keys.T + bias).masked_fill(own, -torch.inf).logsumexp(1)


@pytest.mark.usefixtures("any_block")
def test_log_sum_exp_in_blocks_is_that_of_the_whole_table() -> None:
    queries, keys, bias = torch.randn(9, 3), torch.randn(5, 3), torch.randn(5)
    own = torch.rand(9, 5) < 0.4
    own[2] = True
    entries = own.nonzero(as_tuple=True)
    torch.testing.assert_close(log_sum_exp(queries, keys, bias, entries), dense(queries, keys, bias, own))
    torch.testing.assert_close(log_sum_exp(queries, keys), (queries @ keys.T).logsumexp(1))


@pytest.mark.usefixtures("any_block")
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_log_sum_exp_are_those_of_finite_differences(masked: bool) -> None:
    queries, keys = (torch.randn(n, 3, dtype=torch.float64, requires_grad=True) for n in (4, 6))
    own = torch.rand(4, 6) < 0.4
    own[1] = False
    own[2, 1:] = True
    own[2, 0] = False
    entries = own.nonzero(as_tuple=True) if masked else None
    assert torch.autograd.gradcheck(lambda q, k: log_sum_exp(q, k, masked=entries), (queries, keys))


def test_a_query_whose_keys_are_all_masked_has_no_gradient() -> None:
    queries, keys = torch.randn(2, 3, requires_grad=True), torch.randn(1, 3, requires_grad=True)
    out = log_sum_exp(queries, keys, masked=(torch.tensor([0]), torch.tensor([0])))
    torch.where(torch.isfinite(out), out, 0).sum().backward()
    assert out[0] == -torch.inf
    assert (queries.grad[0] == 0).all()
    torch.testing.assert_close(keys.grad[0], queries[1].detach())
