"""Parquet in and out. Arrow columns are built from buffers: pyarrow's own conversion of numpy arrays loads pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsmith.errors import UserError
from recsmith.files import replacing
from recsmith.serving.strings import Strings


def write_parquet(path: Path | str, columns: Mapping[str, Strings | np.ndarray]) -> None:
    """Write columns whole or not at all; equal columns give equal bytes. Rows of two dimensions become lists."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: _column(pa, values) for name, values in columns.items()})
    with replacing(path) as aside:
        pq.write_table(table, aside, compression="zstd")


def read_columns(path: Path | str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of some columns of a Parquet file; UserError where it cannot be read or one is not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            missing = [column for column in columns if column not in names]
            values = [] if missing else [file.read(columns=[column]).column(column).to_pylist() for column in columns]
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read as Parquet: {error}.") from error
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}. It has: {', '.join(names)}.")
    return list(zip(*values, strict=True))


def _column(pa: Any, values: Strings | np.ndarray) -> Any:
    if isinstance(values, Strings):
        offsets = np.ascontiguousarray(values.offsets, np.int64)
        buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(values.data.tobytes())]
        return pa.Array.from_buffers(pa.large_string(), len(values), buffers).cast(pa.string())
    flat = np.ascontiguousarray(values)
    kind = {"float32": pa.float32(), "float64": pa.float64(), "int32": pa.int32(), "int64": pa.int64()}[flat.dtype.name]
    column = pa.Array.from_buffers(kind, flat.size, [None, pa.py_buffer(flat.tobytes())])
    return column if flat.ndim == 1 else pa.FixedSizeListArray.from_arrays(column, flat.shape[1])
