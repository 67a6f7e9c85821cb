"""Names for the content of arrays and of code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from recsmith.files import digest


def arrays_hash(*arrays: np.ndarray) -> str:
    """A name for the content of arrays."""
    return digest([[str(array.dtype), _md5(np.ascontiguousarray(array).tobytes())] for array in arrays])


def code_hash() -> str:
    """A name for the content of all modules of this package."""
    root = Path(__file__).parent
    return digest({str(path.relative_to(root)): _md5(path.read_bytes()) for path in sorted(root.rglob("*.py"))})


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
