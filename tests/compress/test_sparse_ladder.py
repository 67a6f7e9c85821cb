from typing import get_args

import numpy as np
import pytest
from planted_models import GIVEN, N_ITEMS, RANK, filter_model, graph, relevant

from recsmith.compress.contract import Knobs
from recsmith.compress.export import ENTRIES, export
from recsmith.compress.histories import histories
from recsmith.compress.judge import Judge
from recsmith.compress.measure import Bench, measure
from recsmith.compress.methods import Recipe
from recsmith.config.compress import Compress, Export, Precision
from recsmith.errors import UserError
from recsmith.serving.model import ServingModel, top_k
from recsmith.serving.tables import SparseTable, Table

PARAMS = Compress(export=Export(rank=RANK, top_k=12), precision=("float32", "int8"), sparsity=(0.0, 0.5))


def forms() -> dict[str, ServingModel]:
    return export(filter_model(1.0), graph(), PARAMS.export, 7, 100)


def test_the_item_item_table_alone_is_a_row_of_the_ladder_in_eight_bits() -> None:
    exported, known = forms(), histories(graph())
    judge = Judge(known, relevant(), (5,), "ndcg@5", {"ndcg@5": 1.0})
    bench = Bench(exported, judge, GIVEN)
    rows = {row.name: row for row in measure(bench, PARAMS, 7, lambda text: None)}
    whole, halved = rows["sparse, int8"], rows["sparse, pruned 50%, int8"]
    table = exported[ENTRIES].sparse
    assert table is not None
    entries = len(table.data)
    assert whole.bytes == 3 * entries + 2 * (N_ITEMS + 1) + 2 * N_ITEMS + N_ITEMS
    assert halved.bytes == pytest.approx(whole.bytes - 1.5 * entries, abs=3)
    assert whole.metrics["ndcg@5"] > 0.9 * rows["sparse, float32"].metrics["ndcg@5"]


def test_eight_bits_of_the_sparse_form_keep_its_lists() -> None:
    exported = forms()
    small = Recipe(Knobs("int8"), ENTRIES).apply(exported, GIVEN)
    assert small.item_vectors is None
    assert small.sparse is not None
    assert (small.sparse.data.dtype, small.sparse.indices.dtype) == (np.int8, np.uint16)
    pairs = zip(top_k(small, GIVEN.histories, 5)[0], top_k(exported[ENTRIES], GIVEN.histories, 5)[0], strict=True)
    assert np.mean([len(set(one) & set(other)) / 5 for one, other in pairs]) > 0.95


def test_tables_with_nan_and_scales_that_are_not_positive_are_refused() -> None:
    offsets, columns = np.array([0, 2]), np.array([0, 1], np.uint16)
    with pytest.raises(UserError, match="NaN or infinity"):
        SparseTable(offsets, columns, np.array([1, np.nan], np.float32), 2)
    with pytest.raises(UserError, match="NaN or infinity"):
        Table(np.array([[np.inf]], np.float32))
    for scale in (0.0, -1.0, np.nan):
        with pytest.raises(UserError, match="positive and finite"):
            SparseTable(offsets, columns, np.ones(2, np.int8), 2, np.array([scale], np.float16))


def test_a_model_without_vectors_takes_every_precision() -> None:
    exported = forms()
    for precision in get_args(Precision)[2:]:
        small = Recipe(Knobs(precision), ENTRIES).apply(exported, GIVEN)
        assert small.sparse is not None
        assert small.sparse.precision == "int8"
