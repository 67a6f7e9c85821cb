"""What a successor of the champion starts from, without somebody: their row goes from every table of people."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from recsmith.files import replacing
from recsmith.privacy.person import Person
from recsmith.privacy.traces import erase
from recsmith.serving import safetensors
from recsmith.tables.columns import USER

USERS = "users.parquet"
TABLES = ("embeddings", "user_vectors")
"""Tensors whose first rows are those of the people in ``users.parquet``, in its order."""


def forget(folder: Path, person: Person) -> int:
    """Take somebody out of ``users.parquet`` and of the tensors below ``folder`` that follow it, at once or not."""
    names = pq.read_table(folder / USERS, columns=[USER])[USER].to_pylist()
    gone = [place for place, name in enumerate(names) if name in person.names]
    if not gone:
        return 0
    with replacing(folder) as aside:
        shutil.copytree(folder, aside)
        for path in aside.glob("*/*.safetensors"):
            tensors = safetensors.read(path)
            held = {name: np.delete(values, gone, 0) if name in TABLES else values for name, values in tensors.items()}
            safetensors.write(path, {name: np.array(values) for name, values in held.items()})
        erase(aside / USERS, person)
    return len(gone)
