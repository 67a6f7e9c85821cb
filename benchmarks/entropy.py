"""How few bytes histories can take."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from recsmith.serving.model import Batch

BITS_A_BYTE = 8 * np.log(2)


def subsets(batch: Batch, n_items: int) -> float:
    """Bytes that tell the histories apart from all others of the same lengths: ``sum_u log2 C(I, n_u) / 8``."""
    counts = np.diff(batch.indptr)
    return float((gammaln(n_items + 1) - gammaln(counts + 1) - gammaln(n_items - counts + 1)).sum() / BITS_A_BYTE)


def popular(batch: Batch, n_items: int) -> float:
    """Fewer, where the popularity of items is known, as it is in a bundle.

    ``(E H - sum_u log2 n_u!) / 8``: E draws of entropy H = -sum p log2 p, whose order within a history says nothing.
    """
    share = np.bincount(batch.indices, minlength=n_items) / max(1, len(batch.indices))
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    return float((len(batch.indices) * entropy - gammaln(np.diff(batch.indptr) + 1).sum()) / BITS_A_BYTE)
