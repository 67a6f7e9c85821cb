"""Lists of many people are shared out among threads, and are the same to the bit for any number of them."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from recsmith.compress.blend import blend
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.methods import PRECISIONS
from recsmith.config.compress import Rerank
from recsmith.serving import sketch as sketches
from recsmith.serving import threads
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.sketch import Sketch
from recsmith.serving.tables import SparseTable, Table
from recsmith.serving.threads import MOST, allowed, each
from recsmith.serving.tied import TiedTable

PEOPLE, ITEMS, RANK = 60, 500, 12
FORMS = ("network", "filter", "entries", "filter and entries", "tied", "blend", "blend with entries")
STORED = ("float32", "int8", "int4", "product", "reranked")


def table(rows: int, rng: np.random.Generator) -> Table:
    return Table(rng.normal(size=(rows, RANK)).astype(np.float32))


def made(form: str, rng: np.random.Generator) -> ServingModel:
    popularity, vectors = rng.random(ITEMS).astype(np.float32), table(ITEMS, rng)
    if form.startswith("blend"):
        of_items = "filter and entries" if form.endswith("entries") else "tied"
        return blend([(1.0, made(of_items, rng)), (0.5, made("network", rng))], popularity)
    if form == "network":
        return ServingModel(popularity, vectors, user_vectors=table(PEOPLE, rng))
    near = sparse.csr_matrix(sparse.random(ITEMS, ITEMS, 0.05, rng=rng, dtype=np.float32))
    entries = SparseTable(near.indptr, near.indices, near.data, ITEMS) if form.endswith("entries") else None
    if form == "entries":
        return ServingModel(popularity, sparse=entries)
    tie = TiedTable(vectors, rng.random(ITEMS).astype(np.float32) + 0.1, rng.random(RANK).astype(np.float32))
    return ServingModel(popularity, vectors, tie if form == "tied" else table(ITEMS, rng), sparse=entries)


@cache
def people() -> Batch:
    """Some have no history, and some whose history is known have no stored vector."""
    rng = np.random.default_rng(5)
    touched = sparse.csr_matrix(rng.random((PEOPLE, ITEMS)) < rng.choice([0, 0.01, 0.1], (PEOPLE, 1)))
    stored = np.where(rng.random(PEOPLE) < 0.7, np.arange(PEOPLE), -1)
    weights = rng.random(touched.nnz).astype(np.float32) + 0.5
    return Batch(touched.indptr.astype(np.int64), touched.indices.astype(np.int32), weights, stored)


@cache
def stored(form: str, precision: str) -> ServingModel:
    knobs = Knobs(precision, bytes_a_row=6, rerank=Rerank(items=30))
    return PRECISIONS[precision](made(form, np.random.default_rng(3)), Calibration(people()), knobs)


@pytest.fixture
def turns() -> Iterator[None]:
    """Threads take turns a thousand times as often as they usually do."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def allow(patch: pytest.MonkeyPatch, number: int) -> None:
    patch.setenv("OMP_NUM_THREADS", str(number))


@pytest.mark.usefixtures("turns")
@pytest.mark.parametrize("library", ["numkong", "numpy"])
@pytest.mark.parametrize("precision", STORED)
@pytest.mark.parametrize("form", FORMS)
def test_lists_are_the_same_to_the_bit_for_any_number_of_threads(
    form: str, precision: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "numpy":
        monkeypatch.setattr(sketches, "numkong", lambda: None)
    monkeypatch.setattr("recsmith.serving.model.MEMORY", 20_000)
    choices: list[dict[str, Any]] = [{}, {"seen": True}, {"allow": np.arange(90), "block": np.arange(5, 200, 7)}]
    for limits in choices:
        found = []
        for number in (1, 2, 5):
            allow(monkeypatch, number)
            found.append(top_k(replace(stored(form, precision)), people(), 15, **limits))
        for items, scores in found[1:]:
            assert np.array_equal(items, found[0][0])
            assert np.array_equal(scores, found[0][1])
        assert (found[0][0][:, 0] >= 0).all()


def test_what_a_model_keeps_is_made_once_before_threads_start(monkeypatch: pytest.MonkeyPatch) -> None:
    makers, of, gram = [], Sketch.of, Table.gram
    here = threading.current_thread
    monkeypatch.setattr(Sketch, "of", lambda rows: makers.append(here()) or of(rows))
    monkeypatch.setattr(Table, "gram", lambda rows: makers.append(here()) or gram(rows))
    monkeypatch.setattr("recsmith.serving.model.MEMORY", 1)
    allow(monkeypatch, 4)
    strangers = replace(people().take(np.flatnonzero(np.diff(people().indptr))), users=None)
    top_k(replace(stored("network", "float32")), strangers, 5)
    assert makers == [threading.main_thread()] * 2


def test_parts_are_done_at_the_same_time_by_as_many_threads_as_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, together in ((3, 3), (100, MOST)):
        allow(monkeypatch, number)
        meeting = threading.Barrier(together)
        each(lambda part, meeting=meeting: part and meeting.wait(timeout=30), range(1 + 2 * together))
        assert not meeting.broken


def test_the_first_part_is_done_alone_and_before_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, 4)
    done: list[int] = []

    def work(part: int) -> None:
        if part == 0:
            time.sleep(0.05)
        done.append(part)

    each(work, range(20))
    assert done[0] == 0
    assert sorted(done) == list(range(20))


OF_BLAS = """
import threading, time, numpy
from threadpoolctl import threadpool_info
from recsmith.serving.threads import each
def of_blas():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
"""

LOADED_LATER = """
found = []
each(lambda part: found.append(of_blas()), range(3))
import faiss
each(lambda part: found.append(of_blas()), range(3))
print(found, of_blas())
"""

CALLERS = """
callers = [threading.Thread(target=each, args=(lambda part, w=w: time.sleep(w), range(3))) for w in (0.1, 0.2)]
for caller in callers:
    caller.start()
    time.sleep(0.06)
for caller in callers:
    caller.join()
print(of_blas())
"""


def test_every_blas_has_one_thread_while_parts_are_shared_out_and_its_own_afterwards() -> None:
    """That of numpy, whose threads are the process's, and that of faiss, where each thread has threads of its own."""
    assert printed(LOADED_LATER) == f"{[[1]] * 3 + [[1, 1]] * 3} [2, 2]\n"


def test_callers_at_the_same_time_leave_blas_its_threads() -> None:
    assert printed(CALLERS) == "[2]\n"


def printed(script: str) -> str:
    """What the script prints in a process whose libraries start with two threads."""
    two = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    return subprocess.run(
        [sys.executable, "-c", OF_BLAS + script], env=two, capture_output=True, text=True, check=True
    ).stdout


def test_without_threadpoolctl_parts_are_done_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_blas", lambda: None)
    allow(monkeypatch, 4)
    done: list[Any] = []
    each(lambda part: done.append((part, threading.current_thread())), range(5))
    assert done == [(part, threading.main_thread()) for part in range(5)]


@pytest.mark.parametrize("number", [1, 3])
def test_an_error_of_any_part_is_raised_and_what_has_not_begun_is_left(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, number)
    begun: list[int] = []

    def work(part: int) -> None:
        begun.append(part)
        if part == 7:
            raise ValueError("part 7")
        time.sleep(0.001)

    with pytest.raises(ValueError, match="part 7"):
        each(work, range(5000))
    assert len(begun) < 5000


def test_one_query_and_one_block_start_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "ThreadPoolExecutor", None)
    allow(monkeypatch, 4)
    model = stored("filter", "int8")
    assert top_k(model, people(), 5)[0].shape == (PEOPLE, 5)
    monkeypatch.setattr("recsmith.serving.model.MEMORY", 1)
    assert top_k(model, people().part(0, 1), 5)[0].shape == (1, 5)
    assert top_k(model, people().part(0, 0), 5)[0].shape == (0, 5)


def test_threads_are_those_that_the_environment_allows_else_one_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 5}, raising=False)
    for said, number in (("2", 2), (" 6 ", 6), ("4,2", 4), ("", 3), ("0", 3), ("many", 3)):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert allowed() == number
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert allowed() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert allowed() == 1
