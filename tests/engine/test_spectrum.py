"""Singular triplets against numpy's, and the folder that keeps them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from recsmith.engine.sparse.normal import histories, normalised
from recsmith.engine.sparse.propagate import product
from recsmith.engine.spectral import krylov, spectrum
from recsmith.engine.spectral.krylov import decompose
from recsmith.engine.spectral.spectrum import leading
from recsmith.graph.graph import Graph, from_edges


def drawn(n_users: int, n_items: int, seed: int = 0, density: float = 0.02) -> Graph:
    """Popular items are touched more; the last user and the last item stand alone."""
    draw = np.random.default_rng(seed)
    touched = draw.random((n_users - 1, n_items - 1)) < 2 * density * draw.random(n_items - 1)
    return from_edges(*np.nonzero(touched), n_users, n_items)


def exact(graph: Graph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.linalg.svd(normalised(histories(graph)).toarray().astype(np.float64), full_matrices=False)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads what another left in memory."""
    monkeypatch.setattr(spectrum, "_held", {})


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each decomposition."""
    made: list[int] = []
    monkeypatch.setattr(spectrum, "decompose", lambda *args: made.append(1) or decompose(*args))
    return made


@pytest.mark.parametrize("sizes", [(60, 31), (31, 60), (1500, 1300), (1300, 1500)], ids=str)
def test_triplets_are_those_of_a_full_decomposition(sizes: tuple[int, int]) -> None:
    graph, rank = drawn(*sizes), 12
    ours, (left, values, right) = leading(graph, rank), exact(graph)
    assert (ours.left.shape, ours.right.shape) == ((sizes[0], rank), (sizes[1], rank))
    np.testing.assert_allclose(ours.values, values[:rank], atol=1e-5)
    best = (left[:, :rank] * values[:rank]) @ right[:rank]
    np.testing.assert_allclose((ours.left * ours.values) @ ours.right.T, best, atol=1e-4)


@pytest.mark.parametrize("sizes", [(60, 31), (1300, 1500)], ids=str)
def test_both_sides_are_orthonormal(sizes: tuple[int, int]) -> None:
    ours = leading(drawn(*sizes), 40)
    for side in (ours.left, ours.right):
        np.testing.assert_allclose(side.T @ side, np.eye(side.shape[1]), atol=1e-5)


def test_a_rank_above_that_of_the_matrix_gives_all_triplets_that_are_not_zero() -> None:
    graph = drawn(40, 25)
    ours, rank = leading(graph, 10_000), np.linalg.matrix_rank(histories(graph).toarray())
    assert len(ours.values) == rank
    whole = (ours.left * ours.values) @ ours.right.T
    np.testing.assert_allclose(whole, normalised(histories(graph)).toarray(), atol=1e-5)


def test_a_large_matrix_of_low_rank_gives_its_rank() -> None:
    tastes = np.arange(1500) % 5
    matrix = sparse.csr_matrix((tastes[:, None] == np.arange(1400)[None] % 5).astype(np.float32))
    left, values, right = decompose(product(normalised(matrix), "cpu"), 60, 0)
    np.testing.assert_allclose(values, np.ones(5), atol=1e-5)
    np.testing.assert_allclose((left * values) @ right.T, normalised(matrix).toarray(), atol=1e-5)


@pytest.mark.parametrize("sizes", [(3, 4), (0, 4), (3, 0)], ids=str)
def test_a_graph_without_edges_has_no_triplets(sizes: tuple[int, int]) -> None:
    ours = leading(from_edges(np.zeros(0, int), np.zeros(0, int), *sizes), 5)
    assert (ours.left.shape, ours.values.shape, ours.right.shape) == ((sizes[0], 0), (0,), (sizes[1], 0))


def test_equal_seeds_give_equal_bytes_and_the_krylov_space_is_seeded() -> None:
    matrix = product(normalised(histories(drawn(1300, 1200))), "cpu")
    first, second, other = (decompose(matrix, 20, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_decomposition_is_read_again_for_any_rank_of_its_step(
    tmp_path: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = drawn(60, 41)
    first = leading(graph, 9, folder=tmp_path)
    monkeypatch.setattr(spectrum, "_held", {})
    second = leading(graph, 30, folder=tmp_path)
    assert len(calls) == 1
    assert torch.equal(first.right, second.right[:, :9])
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_answered_does_not_depend_on_what_was_asked_before(tmp_path: Path) -> None:
    graph = drawn(1300, 1200)
    leading(graph, 300, folder=tmp_path)
    after = leading(graph, 100, folder=tmp_path)
    assert torch.equal(after.right, leading(graph, 100).right)
    assert [spectrum.step(rank) for rank in (1, 128, 129, 512, 513)] == [128, 128, 512, 512, 1024]


def test_one_process_decomposes_a_graph_once_without_a_folder(calls: list[int]) -> None:
    graph = drawn(60, 41)
    leading(graph, 9)
    leading(from_edges(*np.nonzero(graph.binary.toarray()), 60, 41), 12)
    assert len(calls) == 1
    leading(drawn(60, 41, seed=1), 9)
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "other"])
def test_a_damaged_file_is_computed_again(
    damage: str, tmp_path: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = drawn(60, 41)
    good = leading(graph, 9, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    flipped = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
    file.write_bytes({"cut": whole[:100], "flipped": flipped, "other": b"not a table"}[damage])
    monkeypatch.setattr(spectrum, "_held", {})
    assert torch.equal(leading(graph, 9, folder=tmp_path).left, good.left)
    assert len(calls) == 2
    assert file.read_bytes() == whole


def test_the_bytes_needed_grow_with_the_rank_and_the_graph() -> None:
    sizes = [krylov.needed(users, 40_000, rank) for users, rank in ((9_000, 512), (30_000, 512), (30_000, 1024))]
    assert sizes == sorted(sizes)
    assert sizes[1] < 2**30
