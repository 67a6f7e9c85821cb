"""``recsmith inspect`` tells what the files hold; a bundle that was altered anywhere is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bundles import N_ITEMS, N_USERS, histories, make_bundle, model

from recsmith.__main__ import main
from recsmith.compress import pack
from recsmith.errors import UserError
from recsmith.serving import manifest as manifests
from recsmith.serving.bundle import MODEL, PEOPLE, load
from recsmith.serving.contents import contents


@pytest.mark.parametrize("family", ["filter", "gnn"])
def test_bytes_are_those_of_the_files_and_of_the_model(tmp_path: Path, family: str) -> None:
    folder = make_bundle(tmp_path / "b", family)
    found = contents(folder)
    assert found.file_bytes == {file: (folder / file).stat().st_size for file in (manifests.NAME, MODEL, PEOPLE)}
    assert found.bytes_of("model") == load(folder).model.model_bytes == found.manifest["model_bytes"]
    everything = sum(found.bytes_of(kind) for kind in ("model", "ids", "people", "histories"))
    headers = sum(size for file, size in found.file_bytes.items() if file != manifests.NAME) - everything
    assert 0 < headers < 4000
    assert (found.bytes_of("people") > 0) == (family == "gnn")


def test_inspect_shows_tensors_quality_and_parents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meta = {
        "recipe": "float32",
        "quality": {"ndcg@20": 0.25},
        "parents": ["abc"],
        "export_bytes": 2 * model("gnn").model_bytes,
        "architecture": {"family": "gnn", "operators": ["lightgcn"], "dimension": 4},
    }
    people = pack.People([f"u{n}" for n in range(N_USERS)], histories())
    pack.write(tmp_path / "b", model("gnn"), [f"i{n}" for n in range(N_ITEMS)], people, meta)
    assert main(["inspect", str(tmp_path / "b")]) == 0
    said = capsys.readouterr().out
    for word in ("float32", "0.25", "abc", "2.00 times smaller", "gnn lightgcn d=4", "30 x 4", "people: user_vectors"):
        assert word in said
    assert main(["inspect", str(tmp_path / "b"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(json.dumps(contents(tmp_path / "b").values()))
    assert {tensor["name"] for tensor in told["tensors"]} >= {"item_vectors.values", "history.low", "popularity"}


def test_inspect_of_what_is_no_bundle_is_one_plain_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path)]) == 1
    assert "manifest.json is missing" in capsys.readouterr().err


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("whole") / "b", "gnn")


@settings(max_examples=150, deadline=None)
@given(
    file=st.sampled_from([MODEL, PEOPLE, manifests.NAME]),
    place=st.floats(0, 1, exclude_max=True),
    flips=st.integers(1, 255),
    how=st.sampled_from(["flip", "cut", "add", "drop"]),
)
def test_a_byte_changed_anywhere_is_refused_or_changes_nothing(
    whole: Path, file: str, place: float, flips: int, how: str
) -> None:
    content = (whole / file).read_bytes()
    at = int(place * len(content))
    changed = {
        "flip": content[:at] + bytes([content[at] ^ flips]) + content[at + 1 :],
        "cut": content[:at],
        "add": content + bytes([flips]),
        "drop": content[:at] + content[at + 1 :],
    }[how]
    before, refused, after = load(whole).recommend(None, 5), None, None
    try:
        (whole / file).write_bytes(changed)
        after = load(whole).recommend(None, 5)
    except UserError as error:
        refused = str(error)
    finally:
        (whole / file).write_bytes(content)
    if after is None:
        assert Path(file).name in str(refused)
        return
    # White space of the manifest may differ; what it says may not.
    assert file == manifests.NAME
    assert json.loads(changed) == json.loads(content)
    assert np.array_equal(after.items, before.items)
    assert np.array_equal(after.scores, before.scores)


def test_a_file_without_read_permission_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_bundle(tmp_path / "b")
    real = open

    def refusing(path: Path, mode: str) -> object:
        if str(path).endswith(PEOPLE):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, mode)

    monkeypatch.setattr("recsmith.files.open", refusing, raising=False)
    with pytest.raises(UserError, match=r"people/tensors\.safetensors cannot be read: Permission denied"):
        load(folder)
