"""onnxruntime gives the lists that the bundle gives."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from small_bundles import N_ITEMS, N_USERS, histories, make_bundle, model

from recsmith.__main__ import main
from recsmith.compress import half, int1, int2, int4, int8, pack, product, reranked
from recsmith.compress.contract import Calibration, Knobs, Method
from recsmith.compress.methods import unchanged
from recsmith.compress.tie import tied
from recsmith.config.compress import Rerank
from recsmith.serving.bundle import Bundle, load
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import Table

ADDED = 24_000
"""Bytes of nodes and names, and of the levels that each byte stands for, twice."""
METHODS: dict[str, tuple[Method, Knobs]] = {
    "float32": (unchanged, Knobs()),
    "float16": (half.compress, Knobs()),
    "int8": (int8.compress, Knobs()),
    "int4": (int4.compress, Knobs()),
    "int4 in blocks": (int4.compress, Knobs(block=2)),
    "int2": (int2.compress, Knobs()),
    "int1": (int1.compress, Knobs()),
    "product": (product.compress, Knobs(bytes_a_row=3)),
    "re-ranked": (reranked.compress, Knobs(rerank=Rerank(items=N_ITEMS))),
}


def whole(family: str) -> ServingModel:
    """A model of vectors alone; a tied one is a filter that is symmetric but for a factor an item."""
    known = model("gnn" if family == "gnn" else "filter")
    if family != "tied":
        return ServingModel(known.popularity, known.item_vectors, known.projection, known.user_vectors)
    assert known.item_vectors is not None
    vectors, factor = known.item_vectors.dequantised(), np.linspace(0.5, 2, N_ITEMS, dtype=np.float32)
    signs = np.array([1, -1, 1, 1], np.float32)
    return tied(ServingModel(known.popularity, Table(vectors), Table(vectors * signs * factor[:, None])))


def served(folder: Path, family: str, form: str) -> Bundle:
    method, knobs = METHODS[form]
    small = method(whole(family), Calibration(histories()), knobs)
    people = pack.People([f"u{n}" for n in range(N_USERS)], histories())
    pack.write(folder, small, [f"i{n}" for n in range(N_ITEMS)], people, {})
    return load(folder)


@pytest.mark.parametrize("family", ["filter", "tied", "gnn"])
@pytest.mark.parametrize("form", METHODS)
def test_onnxruntime_gives_the_lists_of_the_bundle(tmp_path: Path, family: str, form: str) -> None:
    bundle, out = served(tmp_path / "b", family, form), tmp_path / "model.onnx"
    assert main(["export-onnx", str(tmp_path / "b"), str(out)]) == 0
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    everybody, lists = bundle.histories.everybody(), bundle.recommend(None, 20)
    for user in range(N_USERS):
        one = everybody.part(user, user + 1)
        assert one.users is not None
        given = {"history": one.indices.astype(np.int64), "weights": one.values, "user": np.maximum(one.users, 0)}
        asked = {entry.name: given[entry.name] for entry in session.get_inputs()}
        items, scores = (np.asarray(found)[0] for found in session.run(["items", "scores"], asked))
        listed = np.isfinite(scores)
        assert np.array_equal(items[listed], lists.items[user][lists.items[user] >= 0])
        np.testing.assert_allclose(scores[listed], lists.scores[user][listed], rtol=1e-4, atol=1e-5)
    assert session.get_modelmeta().custom_metadata_map["bundle"] == bundle.manifest["digest"]


@pytest.mark.parametrize("form", METHODS)
def test_the_file_takes_the_bytes_of_the_model_and_little_more(tmp_path: Path, form: str) -> None:
    method, knobs = METHODS[form]
    table = Table(np.random.default_rng(0).normal(size=(2000, 31)).astype(np.float32))
    small = method(ServingModel(np.arange(2000, dtype=np.float32), table, table), Calibration(histories()), knobs)
    pack.write(tmp_path / "b", small, [f"i{n}" for n in range(2000)], None, {})
    assert main(["export-onnx", str(tmp_path / "b"), str(tmp_path / "m.onnx")]) == 0
    assert (tmp_path / "m.onnx").stat().st_size < small.model_bytes + ADDED


def test_what_onnx_cannot_say_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = make_bundle(tmp_path / "b", "filter"), tmp_path / "m.onnx"
    assert main(["export-onnx", str(folder), str(out)]) == 1
    assert "sparse item-item table" in capsys.readouterr().err
    assert not out.exists()


def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    served(tmp_path / "b", "gnn", "int8")
    assert main(["export-onnx", str(tmp_path / "b"), str(tmp_path / "m.onnx")]) == 1
    assert "pip install recsmith[onnx]" in capsys.readouterr().err
