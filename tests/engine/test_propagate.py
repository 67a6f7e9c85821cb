"""Sparse products: right values, right gradients, equal bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from recsmith.engine.sparse import propagate
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.propagate import Gather, SquaredLength, product
from recsmith.graph.graph import from_edges
from recsmith.operators import operator


def matrix(rows: int = 30, columns: int = 20, density: float = 0.1) -> sparse.csr_matrix:
    return sparse.csr_matrix(sparse.random(rows, columns, density, random_state=np.random.default_rng(1)))


@pytest.mark.parametrize("dimension", [1, 3, 16, 65])
def test_a_product_is_that_of_the_dense_matrix(dimension: int) -> None:
    given = torch.randn(20, dimension)
    expected = torch.from_numpy(matrix().toarray()).float() @ given
    torch.testing.assert_close(product(matrix()) @ given, expected)


def test_the_gradient_of_a_product_is_the_transpose_times_the_incoming_one() -> None:
    given = torch.randn(20, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: product(matrix()) @ x, given, atol=1e-6)


def test_empty_rows_and_empty_matrices_give_zeros() -> None:
    given = torch.ones(20, 4, requires_grad=True)
    out = product(sparse.csr_matrix((30, 20))) @ given
    out.sum().backward()
    assert torch.equal(out, torch.zeros(30, 4))
    assert torch.equal(given.grad, torch.zeros(20, 4))


def test_products_are_equal_byte_for_byte_on_any_number_of_threads() -> None:
    big, given, threads = product(matrix(2000, 1500, 0.02)), torch.randn(1500, 64), torch.get_num_threads()
    outs = []
    for number in (1, 2):
        torch.set_num_threads(number)
        outs.append(big @ given)
    torch.set_num_threads(threads)
    assert torch.equal(*outs)


def test_indices_are_int32_and_a_symmetric_matrix_is_stored_once() -> None:
    symmetric = product(sparse.csr_matrix(matrix(20, 20) + matrix(20, 20).T))
    assert symmetric.forward is symmetric.transpose
    assert symmetric.forward.indices.dtype == symmetric.forward.indptr.dtype == torch.int32


def test_a_gather_sums_the_gradients_of_rows_that_are_taken_more_than_once() -> None:
    table = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    rows = torch.tensor([4, 0, 4, 4, 2])
    gather = Gather.of(rows, 6)
    assert torch.equal(gather(table), table[rows])
    assert gather.counts.tolist() == [1, 0, 1, 0, 3, 0]
    assert torch.autograd.gradcheck(gather, table)


def test_the_squared_length_counts_each_row_as_often_as_it_was_taken() -> None:
    table, counts = torch.randn(6, 3, dtype=torch.float64, requires_grad=True), torch.tensor([1, 0, 1, 0, 3, 0])
    expected = (table[torch.tensor([0, 2, 4, 4, 4])] ** 2).sum()
    torch.testing.assert_close(SquaredLength.apply(table, counts), expected)
    assert torch.autograd.gradcheck(lambda x: SquaredLength.apply(x, counts), table)


def test_the_mean_form_has_rows_that_sum_to_one_and_empty_ones() -> None:
    mean = Adjacency(from_edges(np.array([0, 0, 1]), np.array([0, 1, 1]), 3, 2)).mean
    torch.testing.assert_close(mean @ torch.ones(5, 1), torch.tensor([[1.0], [1.0], [0.0], [1.0], [1.0]]))


def test_rows_that_sum_to_nothing_are_zero_and_not_infinite() -> None:
    cancelled = Adjacency(from_edges(np.array([0, 0]), np.array([0, 1]), 1, 2, weight=np.array([1.0, -1.0])))
    out = cancelled.symmetric @ torch.ones(3, 1)
    assert torch.equal(out, torch.zeros(3, 1))


def test_parallel_edges_of_plain_weight_count_once() -> None:
    users, items = np.array([0, 0, 1]), np.array([0, 0, 1])
    twice = from_edges(users, items, 2, 2, event=np.array([0, 1, 0]), events=("view", "buy"))
    once = from_edges(users[1:], items[1:], 2, 2)
    given = torch.randn(4, 2)
    assert torch.equal(Adjacency(twice).symmetric @ given, Adjacency(once).symmetric @ given)


def test_indices_beyond_int32_are_int64_said_once_and_give_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    users, items = np.array([0, 0, 1]), np.array([0, 1, 1])
    names = ("lightgcn", "sage", "gat", "transformer", "pooling", "rgcn")
    given, outs = torch.randn(4, 8), []
    for limit in (propagate.INT32_ENTRIES, 2):
        monkeypatch.setattr(propagate, "INT32_ENTRIES", limit)
        adjacency = Adjacency(from_edges(users, items, 2, 2))
        assert adjacency.symmetric.forward.indices.dtype == (torch.int64 if limit == 2 else torch.int32)
        torch.manual_seed(1)
        outs.append([])
        for name in names:
            x = given.clone().requires_grad_()
            out = operator(name, 8)(x, adjacency)
            out.square().sum().backward()
            outs[-1] += [out, x.grad]
    for short, long in zip(*outs, strict=True):
        torch.testing.assert_close(short, long)
    said = capsys.readouterr().err.splitlines()
    assert said == ["The graph has more than 2 entries: its indices are int64 and take twice the memory."]


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_products_of_short_floats_are_summed_in_float32(kind: torch.dtype) -> None:
    given = torch.randn(20, 16).to(kind).requires_grad_()
    out = product(matrix()) @ given
    out.float().sum().backward()
    assert out.dtype == given.dtype == kind
    torch.testing.assert_close(out.float(), product(matrix()) @ given.detach().float(), atol=0.02, rtol=0.01)
    assert given.grad is not None
    assert torch.isfinite(given.grad).all()
