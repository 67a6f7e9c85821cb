"""The safetensors format (huggingface.co/docs/safetensors), read memory-mapped and written: numpy is all it needs.

A file is 8 bytes (little-endian length of the header), the header (JSON: name -> dtype, shape, offsets), the tensors.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recsmith.errors import UserError

DTYPES = {
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
    "F32": "<f4",
    "U32": "<u4",
    "I32": "<i4",
    "F16": "<f2",
    "U16": "<u2",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
    "BOOL": "?",
}
"""By the words of the format, in the order in which tensors lie in a file: what is wider comes first."""
HEADER_LIMIT = 100_000_000


def read(path: Path | str) -> dict[str, np.ndarray]:
    """All tensors of a file, memory-mapped and read-only; UserError names the file where it is not a whole one."""
    path = Path(path)
    try:
        size = path.stat().st_size
        with open(path, "rb") as handle:
            header, start = _header(handle.read(8), handle, size)
        content = np.memmap(path, np.uint8, "r").view(np.ndarray) if size else np.zeros(0, np.uint8)
        return _tensors(header, content[start:])
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is not a whole safetensors file: {error}.") from error


def write(path: Path | str, tensors: Mapping[str, np.ndarray]) -> None:
    """Write tensors, byte by byte as the format's own library does; TypeError for a type that it has no word for."""
    words = {np.dtype(code): word for word, code in DTYPES.items()}
    unknown = [f"{name} holds {values.dtype}" for name, values in tensors.items() if values.dtype not in words]
    if unknown:
        raise TypeError(f"{unknown[0]}; safetensors holds {', '.join(kind.name for kind in words)}.")
    places, header, end = list(words), {}, 0
    order = sorted(tensors, key=lambda name: (places.index(tensors[name].dtype), name))
    for name in order:
        values, begin = tensors[name], end
        end += values.nbytes
        header[name] = {"dtype": words[values.dtype], "shape": values.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as handle:
        handle.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            handle.write(np.ascontiguousarray(tensors[name]).data)


def _header(start: bytes, handle: Any, size: int) -> tuple[dict[str, Any], int]:
    if len(start) < 8:
        raise ValueError("it is shorter than 8 bytes")
    (length,) = struct.unpack("<Q", start)
    if length > min(HEADER_LIMIT, size - 8):
        raise ValueError("its header is longer than the file")
    header = json.loads(handle.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no table of tensors")
    header.pop("__metadata__", None)
    return header, 8 + length


def _tensors(header: dict[str, Any], data: np.ndarray) -> dict[str, np.ndarray]:
    """Cut ``data`` as the header says; ValueError unless the tensors cover it without gap or overlap."""
    tensors, position = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        dtype, shape = _dtype(name, entry["dtype"]), tuple(entry["shape"])
        if begin != position or end > len(data) or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"tensor {name!r} does not lie where the header says")
        tensors[name] = data[begin:end].view(dtype).reshape(shape)
        position = end
    if position != len(data):
        raise ValueError(f"{len(data) - position} bytes follow the last tensor")
    return tensors


def _dtype(name: str, code: str) -> np.dtype:
    if code not in DTYPES:
        raise ValueError(f"tensor {name!r} has the type {code!r}; known: {', '.join(DTYPES)}")
    return np.dtype(DTYPES[code])
