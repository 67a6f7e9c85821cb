"""onnxruntime gives the lists that the bundle gives."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from small_bundles import N_ITEMS, N_USERS, histories, make_bundle, model

from recsmith.__main__ import main
from recsmith.compress import int4, int8, pack
from recsmith.compress.contract import Calibration, Knobs
from recsmith.serving.bundle import Bundle, load
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import Table

FORMS = ("float32", "int8", "int4")


def served(folder: Path, family: str, form: str) -> Bundle:
    whole = model(family)
    plain = ServingModel(whole.popularity, whole.item_vectors, whole.projection, whole.user_vectors)
    methods = {"int8": int8.compress, "int4": int4.compress}
    small = methods[form](plain, Calibration(histories()), Knobs()) if form in methods else plain
    people = pack.People([f"u{n}" for n in range(N_USERS)], histories())
    pack.write(folder, small, [f"i{n}" for n in range(N_ITEMS)], people, {})
    return load(folder)


@pytest.mark.parametrize("family", ["filter", "gnn"])
@pytest.mark.parametrize("form", FORMS)
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


def test_eight_bits_stay_eight_bits(tmp_path: Path) -> None:
    rng, sizes = np.random.default_rng(0), []
    values = rng.normal(size=(2000, 32)).astype(np.float32)
    for table in (
        Table(values),
        int8.compress(
            ServingModel(np.ones(2000, np.float32), Table(values)), Calibration(histories()), Knobs()
        ).item_vectors,
    ):
        whole = ServingModel(np.ones(2000, np.float32), table, table)
        pack.write(tmp_path / "b", whole, [f"i{n}" for n in range(2000)], None, {})
        assert main(["export-onnx", str(tmp_path / "b"), str(tmp_path / "m.onnx")]) == 0
        sizes.append((tmp_path / "m.onnx").stat().st_size)
    assert sizes[0] > 3 * sizes[1]


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
