"""A turn of the vectors to their principal axes, dealt out so that each book of product codes has as much to say.

The parametric solution of optimised product quantisation, eigenvalue allocation (Ge, He, Ke, Sun 2013, section 3.2):
errors are least where the columns of each book have the same product of variances and are uncorrelated. Scores stay
what they are.
"""

from __future__ import annotations

import numpy as np

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.popularity import weights
from recsmith.compress.product import width_of
from recsmith.compress.turned import mixable, turned
from recsmith.serving.model import ServingModel

LEAST = 1e-12
"""Share of the largest variance that the smallest counts at least."""


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` with its vectors turned where ``knobs.precision`` is product codes."""
    if knobs.precision != "product" or model.item_vectors is None:
        return model
    values = model.item_vectors.dequantised().astype(np.float64)
    moments = (values.T * weights(model.popularity)) @ values
    turn, width = np.zeros((model.rank, model.rank)), width_of(model.rank, knobs.bytes_a_row)
    for own in mixable(model):
        variance, axes = np.linalg.eigh(moments[np.ix_(own, own)])
        turn[np.ix_(own, own)] = axes[:, dealt(variance, width)]
    return turned(model, turn, turn)


def dealt(variance: np.ndarray, width: int) -> np.ndarray:
    """The order in which columns stand, ``width`` a book: the largest left goes to the book of the smallest product.

    Shapes: variance (r,) -> (r,) int.
    """
    count = -(-len(variance) // width)
    room = np.minimum(width, len(variance) - width * np.arange(count))
    size = np.log(np.maximum(variance, LEAST * variance.max(initial=LEAST)))
    books: list[list[int]] = [[] for _ in range(count)]
    product = np.zeros(count)
    for column in np.argsort(-variance, kind="stable").tolist():
        book = min((one for one in range(count) if len(books[one]) < room[one]), key=lambda one: product[one])
        books[book].append(column)
        product[book] += size[column] - size.min() + 1e-9
    return np.concatenate(books).astype(np.int64)
