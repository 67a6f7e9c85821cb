"""Histories lie in little more than their entropy and come back as they were."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsmith.errors import UserError
from recsmith.serving import bits
from recsmith.serving.fold_in import fading
from recsmith.serving.histories import Histories, read
from recsmith.serving.model import Batch


def random_batch(rng: np.random.Generator, n_users: int, n_items: int, weighted: bool) -> Batch:
    """Histories in which item i is about as frequent as 1 / (i + 1)."""
    touched = rng.random((n_users, n_items)) < 1 / np.arange(1, n_items + 1) ** 0.7
    touched[rng.random(n_users) < 0.2] = False
    items = np.nonzero(touched)[1]
    counts = touched.sum(axis=1)
    weights = [fading(count, 0.7) for count in counts]
    order = np.concatenate([rng.permutation(count) for count in counts]) + np.repeat(np.cumsum(counts) - counts, counts)
    faded = np.concatenate([np.asarray(part, np.float32) for part in weights])[order] if weighted else None
    return Batch(np.concatenate(([0], np.cumsum(counts))), items.astype(np.int32), faded)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 30), st.integers(1, 200), st.booleans())
def test_histories_come_back_one_by_one_and_all_at_once(seed: int, users: int, items: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    batch = random_batch(rng, users, items, weighted) if users else Batch(np.zeros(1, int), np.zeros(0, np.int32))
    popularity = rng.integers(0, 50, items).astype(np.uint16)
    coded = read(Histories.of(batch, popularity).tensors(), popularity)
    everybody = coded.everybody()
    assert np.array_equal(everybody.indptr, batch.indptr)
    assert np.array_equal(everybody.indices, batch.indices)
    assert np.array_equal(everybody.values, batch.values)
    asked = np.array([*rng.integers(-1, users, 7)] if users else [-1, -1])
    some = coded.take(asked)
    for n, user in enumerate(asked):
        one = some.part(n, n + 1)
        expected = batch.part(user, user + 1) if user >= 0 else Batch(np.zeros(2, int), np.zeros(0, np.int32))
        assert np.array_equal(one.indices, expected.indices)
        assert np.array_equal(one.values, expected.values)


def test_popular_items_cost_little_and_all_is_near_the_entropy() -> None:
    batch = random_batch(np.random.default_rng(1), 2000, 3000, False)
    popularity = np.bincount(batch.indices, minlength=3000).astype(np.float32)
    share = popularity[popularity > 0] / len(batch.indices)
    floor = -(len(batch.indices) * share * np.log2(share)).sum()
    floor -= sum(math.lgamma(count + 1) for count in np.diff(batch.indptr)) / math.log(2)
    assert Histories.of(batch, popularity).nbytes < 1.5 * floor / 8
    assert Histories.of(batch, popularity).nbytes < 0.5 * batch.indices.nbytes


def test_the_csr_of_version_1_is_read_too() -> None:
    batch = random_batch(np.random.default_rng(2), 9, 40, True)
    tensors = {f"history.{name}": getattr(batch, name) for name in ("indptr", "indices", "weights")}
    found = read(tensors, np.ones(40, np.float32)).everybody()
    assert np.array_equal(found.indices, batch.indices)
    assert np.array_equal(found.values, batch.values)
    assert len(read({}, np.ones(40, np.float32))) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, bits.WIDEST), st.integers(0, 2**bits.WIDEST - 1)), max_size=40))
def test_numbers_of_few_bits_come_back(numbers: list[tuple[int, int]]) -> None:
    widths = np.array([width for width, _ in numbers], np.int64)
    values = np.array([value for _, value in numbers], np.int64) & ((1 << widths) - 1)
    packed = bits.pack(values, widths)
    assert len(packed) == bits.size(widths.sum())
    assert np.array_equal(bits.read(packed, np.cumsum(widths) - widths, widths), values)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("counts", lambda values: values[:-1], "do not fit"),
        ("spans", lambda values: values[:-1], "do not fit together"),
        ("widths", lambda values: values + np.uint8(40), "do not fit together"),
        ("low", lambda values: values[:-1], "not as many as their counts say"),
        ("high", lambda values: values ^ np.uint8(1), "do not fit their entries"),
        ("weight_values", lambda values: values * np.float32(np.nan), "NaN"),
        ("weight_codes", lambda values: values[:-1], "do not fit their entries"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(part: str, change: Any, message: str) -> None:
    popularity = np.ones(60, np.float32)
    tensors = Histories.of(random_batch(np.random.default_rng(4), 20, 60, True), popularity).tensors()
    with pytest.raises(UserError, match=message):
        read({**tensors, f"history.{part}": change(tensors[f"history.{part}"])}, popularity)


def test_an_item_beyond_the_catalogue_is_refused_when_it_is_read() -> None:
    coded = Histories.of(random_batch(np.random.default_rng(4), 20, 60, False), np.ones(60, np.float32))
    with pytest.raises(UserError, match="beyond the 3 of the catalogue"):
        replace(coded, popularity=np.ones(3, np.float32)).everybody()
