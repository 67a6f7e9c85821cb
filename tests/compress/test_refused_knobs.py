from typing import Any

import pytest

from recsmith.config.base import parse
from recsmith.config.compress import Compress
from recsmith.errors import UserError


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"precision": ["int3"]}, "precision"),
        ({"precision": []}, "precision"),
        ({"export": {"rank": 0}}, "rank"),
        ({"export": {"top_k": -1}}, "top_k"),
        ({"bytes_a_row": 0}, "bytes_a_row"),
        ({"block": -1}, "block"),
        ({"sparsity": [1.0]}, "sparsity"),
        ({"quantiser": "bnn"}, "quantiser"),
        ({"rerank": {"items": 0}}, "items"),
        ({"rerank": {"precision": "int2"}}, "precision"),
        ({"refit": -1}, "refit"),
    ],
)
def test_bits_ranks_and_shares_out_of_range_are_refused_by_key(values: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=rf"compress\.[a-z_.]*{key}"):
        parse(values, Compress, "compress")
