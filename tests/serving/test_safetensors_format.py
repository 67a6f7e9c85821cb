import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import load_file, save, save_file

from recsmith.errors import UserError
from recsmith.serving.safetensors import DTYPES, read, write

TYPES = [
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    "bool",
]
TENSORS = st.dictionaries(
    st.text("abc.é", min_size=1, max_size=5),
    st.sampled_from(TYPES).flatmap(lambda t: arrays.arrays(t, arrays.array_shapes(min_dims=1, min_side=0, max_side=5))),
    max_size=5,
)


@settings(max_examples=50, deadline=None)
@given(TENSORS)
def test_the_reader_reads_what_the_library_writes(tmp_path_factory: pytest.TempPathFactory, tensors: dict) -> None:
    path = tmp_path_factory.mktemp("st") / "t.safetensors"
    save_file(tensors, path, metadata={"note": "kept out"})
    ours, theirs = read(path), load_file(path)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        assert ours[name].dtype == theirs[name].dtype
        assert np.array_equal(ours[name], theirs[name], equal_nan=theirs[name].dtype.kind == "f")


@settings(max_examples=50, deadline=None)
@given(TENSORS)
def test_the_writer_writes_the_bytes_of_the_library(tmp_path_factory: pytest.TempPathFactory, tensors: dict) -> None:
    path = tmp_path_factory.mktemp("st") / "t.safetensors"
    write(path, tensors)
    assert path.read_bytes() == save(tensors)


def test_what_does_not_lie_in_a_row_is_written_as_it_reads(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.int16).reshape(3, 4)
    write(tmp_path / "t", {"turned": values.T, "some": values[:, ::2], "one": np.array(3, np.uint64)})
    found = read(tmp_path / "t")
    assert np.array_equal(found["turned"], values.T)
    assert np.array_equal(found["some"], values[:, ::2])
    assert (found["one"].shape, int(found["one"])) == ((), 3)


def test_a_type_that_the_format_has_no_word_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a holds complex64; safetensors holds uint64"):
        write(tmp_path / "t", {"a": np.zeros(2, np.complex64)})
    assert not (tmp_path / "t").exists()


def test_tensors_are_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    save_file({"a": np.arange(6, dtype=np.float32).reshape(2, 3)}, tmp_path / "t")
    tensor = read(tmp_path / "t")["a"]
    assert not tensor.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        tensor[0, 0] = 1


def header(text: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "shorter than 8 bytes"),
        (b"1234", "shorter than 8 bytes"),
        (struct.pack("<Q", 10**12), "longer than the file"),
        (header(b"not json"), "whole safetensors"),
        (header(b"[1]"), "no table of tensors"),
        (header(b'{"a": 1}'), "whole safetensors"),
        (header(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', b"1234"), "'a' does not lie"),
        (header(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', b"12345678"), "4 bytes follow"),
        (header(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}', b"12345678"), "'a' does not lie"),
        (header(b'{"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}', b"1234"), "'BF16'"),
    ],
)
def test_a_file_that_is_no_whole_safetensors_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=rf"t\.safetensors .*{message}"):
        read(tmp_path / "t.safetensors")


def test_every_type_is_little_endian() -> None:
    assert all(np.dtype(code).newbyteorder("<") == np.dtype(code) for code in DTYPES.values())
