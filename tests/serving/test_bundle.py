import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_bundles import N_ITEMS, N_USERS, histories, make_bundle, model, titles

from recsmith.compress import int4, pack
from recsmith.compress.contract import Calibration, Knobs
from recsmith.errors import UserError
from recsmith.serving import manifest as manifests
from recsmith.serving import safetensors
from recsmith.serving.bundle import MODEL, PEOPLE, load, unit_rows
from recsmith.serving.contents import contents
from recsmith.serving.fold_in import FoldIn
from recsmith.serving.model import Batch, Query, top_k
from recsmith.serving.tables import Table

FAMILIES = ("filter", "gnn")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rewritten(folder: Path, **changes: object) -> None:
    """The manifest with other values and a digest that fits them."""
    manifest = {**json.loads((folder / manifests.NAME).read_text()), **changes}
    manifest["digest"] = manifests.digest(manifest)
    (folder / manifests.NAME).write_text(json.dumps(manifest))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bundle_answers_like_the_model_that_was_packed(tmp_path: Path, family: str) -> None:
    bundle = load(make_bundle(tmp_path / "b", family, small=False))
    items, scores = top_k(model(family), histories(), 10)
    lists = bundle.recommend(None, 10)
    assert list(lists.users) == [f"u{n}" for n in range(N_USERS)]
    assert np.array_equal(lists.items, items)
    assert np.array_equal(lists.scores, scores)
    assert lists.unknown == ()
    assert lists.without_history == 1
    assert list(bundle.titles or ()) == titles()


@pytest.mark.parametrize("family", FAMILIES)
def test_packing_twice_gives_the_same_bytes(tmp_path: Path, family: str) -> None:
    assert tree(make_bundle(tmp_path / "a", family)) == tree(make_bundle(tmp_path / "b", family))


@pytest.mark.parametrize("family", FAMILIES)
def test_users_asked_for_by_name_get_the_lists_that_they_have_among_all(tmp_path: Path, family: str) -> None:
    bundle = load(make_bundle(tmp_path / "b", family))
    everybody, some = bundle.recommend(None, 5), bundle.recommend(["u7", "u5", "u2"], 5)
    assert np.array_equal(some.items, everybody.items[[7, 5, 2]])
    np.testing.assert_allclose(some.scores, everybody.scores[[7, 5, 2]], atol=1e-5)


def test_an_unknown_user_is_named_and_gets_the_popularity_list(tmp_path: Path) -> None:
    bundle = load(make_bundle(tmp_path / "b"))
    lists = bundle.recommend(["u1", "stranger"], 5)
    assert lists.unknown == ("stranger",)
    assert lists.without_history == 0
    popular = np.lexsort((np.arange(N_ITEMS), -model("filter").popularity))[:5]
    assert lists.items[1].tolist() == popular.tolist()


def test_a_history_answers_like_the_same_person_in_the_bundle(tmp_path: Path) -> None:
    bundle, batch = load(make_bundle(tmp_path / "b")), histories()
    history = [f"i{item:02}" for item in batch.part(3, 4).indices]
    answer = bundle.recommend_history(history, 8)
    assert answer.items.tolist() == bundle.recommend(["u3"], 8).items[0].tolist()
    assert not answer.popularity


def test_what_came_last_counts_most_where_histories_fade(tmp_path: Path) -> None:
    fading = replace(model("filter"), fold_in=FoldIn(recency=1.0))
    people = pack.People([f"u{n}" for n in range(N_USERS)], histories())
    pack.write(tmp_path / "b", fading, [f"i{item:02}" for item in range(N_ITEMS)], people, {"recipe": "float32"})
    known = np.argsort(-fading.popularity, kind="stable")[1:4]
    asked = Batch(np.array([0, 3]), known, np.array([1 / 3, 1 / 2, 1], np.float32))
    bundle, names = load(tmp_path / "b"), [f"i{item:02}" for item in known]
    found = bundle.recommend_history([*names, names[1]], 9)
    assert found.items.tolist() == top_k(fading, asked, 9)[0][0].tolist()
    assert found.items.tolist() != bundle.recommend_history(names[::-1], 9).items.tolist()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("history", "unknown", "untouched", "popularity"),
    [
        ([], (), (), True),
        (["nope", "neither"], ("nope", "neither"), (), True),
        (["i29"], (), ("i29",), True),
        (["i00", "nope"], ("nope",), (), False),
        (["i00", "i29"], (), ("i29",), False),
    ],
)
def test_a_history_that_says_little_is_answered_and_explained(
    tmp_path: Path,
    family: str,
    history: list[str],
    unknown: tuple[str, ...],
    untouched: tuple[str, ...],
    popularity: bool,
) -> None:
    answer = load(make_bundle(tmp_path / "b", family)).recommend_history(history, 5)
    assert (answer.unknown, answer.untouched, answer.popularity) == (unknown, untouched, popularity)
    assert (answer.items >= 0).all()
    assert not {f"i{item:02}" for item in answer.items} & set(history)


def test_allow_and_block_lists_take_item_ids_and_refuse_unknown_ones(tmp_path: Path) -> None:
    bundle = load(make_bundle(tmp_path / "b"))
    lists = bundle.recommend(["u5"], 3, allow=["i03", "i04"], block=["i04"])
    assert lists.items[0].tolist() == [3, -1, -1]
    with pytest.raises(UserError, match="nope"):
        bundle.recommend(None, 3, block=["nope"])


@pytest.mark.parametrize("family", FAMILIES)
def test_similar_items_equal_brute_force_over_the_embedded_vectors(tmp_path: Path, family: str) -> None:
    bundle = load(make_bundle(tmp_path / "b", family))
    vectors, _ = bundle.embed()
    cosine = [float(a @ vectors[4] / (np.linalg.norm(a) * np.linalg.norm(vectors[4]))) for a in vectors]
    expected = sorted((n for n in range(N_ITEMS) if n != 4), key=lambda n: -cosine[n])[:6]
    items, values = bundle.similar("i04", 6)
    assert items.tolist() == expected
    np.testing.assert_allclose(values, [cosine[n] for n in expected], atol=1e-5)
    with pytest.raises(UserError, match="'i99' is not among the 30 items"):
        bundle.similar("i99", 3)


def test_rows_of_zeros_have_no_direction() -> None:
    assert np.array_equal(unit_rows(np.array([[0, 0], [0, 2]], np.float32)), [[0, 0], [0, 1]])


@pytest.mark.parametrize("size", [1e-30, 1e19, 1e30])
def test_similar_items_do_not_depend_on_the_size_of_the_vectors(tmp_path: Path, size: float) -> None:
    bundle = load(make_bundle(tmp_path / "b"))
    vectors = bundle.model.item_vectors
    assert vectors is not None
    other = replace(bundle, model=replace(bundle.model, item_vectors=Table(vectors.dequantised() * np.float32(size))))
    items, cosines = other.similar("i04", 6)
    assert np.array_equal(items, bundle.similar("i04", 6)[0])
    np.testing.assert_allclose(cosines, bundle.similar("i04", 6)[1], atol=1e-6)


def test_people_without_history_have_a_vector_of_zeros_and_others_not(tmp_path: Path) -> None:
    for family in FAMILIES:
        _, users = load(make_bundle(tmp_path / family, family)).embed()
        assert users.shape[0] == N_USERS
        assert np.flatnonzero(~users.any(axis=1)).tolist() == [5]


def test_the_shareable_part_alone_is_a_bundle(tmp_path: Path) -> None:
    pack.write(tmp_path / "b", model("filter"), [f"i{n:02}" for n in range(N_ITEMS)], None, {})
    bundle = load(tmp_path / "b")
    assert len(bundle.users) == 0
    assert len(bundle.recommend(None, 5).items) == 0
    assert bundle.recommend(["anybody"], 5).unknown == ("anybody",)
    assert (bundle.recommend_history(["i00"], 5).items >= 0).all()


@pytest.mark.parametrize("file", [MODEL, PEOPLE])
def test_a_flipped_byte_anywhere_is_found_and_named(tmp_path: Path, file: str) -> None:
    folder = make_bundle(tmp_path / "b")
    content = (folder / file).read_bytes()
    for place in np.random.default_rng(0).integers(0, len(content), 25):
        changed = bytearray(content)
        changed[place] ^= 1 << int(place % 8)
        (folder / file).write_bytes(changed)
        with pytest.raises(UserError, match=rf"{file} was altered"):
            load(folder)


def test_a_flipped_byte_in_the_manifest_is_found(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    content = (folder / manifests.NAME).read_bytes()
    for place in range(0, len(content), 7):
        if content[place : place + 1].isspace():
            continue
        changed = bytearray(content)
        changed[place] ^= 1
        (folder / manifests.NAME).write_bytes(changed)
        with pytest.raises(UserError, match=r"manifest\.json"):
            load(folder)


@pytest.mark.parametrize("file", [MODEL, PEOPLE, manifests.NAME])
def test_a_truncated_or_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = make_bundle(tmp_path / "b")
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=rf"{Path(file).name} (is truncated|was altered or truncated)"):
        load(folder)
    (folder / file).unlink()
    with pytest.raises(UserError, match=Path(file).name):
        load(folder)


def test_foreign_and_newer_bundles_are_refused_by_name(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    rewritten(folder, version=99)
    with pytest.raises(UserError, match=r"version 99 was written by a newer Recsmith.* version 4\. Update"):
        load(folder)
    for version in (None, "3", -1, True):
        rewritten(folder, version=version)
        with pytest.raises(UserError, match="is no version of one"):
            load(folder)
    rewritten(folder, version=1, format="somebody else's")
    with pytest.raises(UserError, match="does not describe a Recsmith bundle"):
        load(folder)
    (folder / manifests.NAME).write_text("[]")
    with pytest.raises(UserError, match="does not describe a Recsmith bundle"):
        load(folder)
    with pytest.raises(UserError, match="no such folder"):
        load(tmp_path / "nowhere")


def test_parts_of_two_bundles_do_not_mix(tmp_path: Path) -> None:
    one, other = make_bundle(tmp_path / "one"), make_bundle(tmp_path / "other", small=False)
    shutil.copy(other / MODEL, one / MODEL)
    with pytest.raises(UserError, match=r"model/tensors\.safetensors"):
        load(one)


def test_tensors_that_do_not_fit_are_refused_though_their_checksums_hold(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    values = {"popularity": np.ones(3, np.float32)}
    safetensors.write(folder / MODEL, values)
    rewritten(folder, parts={"model": manifests.part(folder, MODEL)})
    with pytest.raises(UserError, match="item_ids"):
        load(folder)
    wrong = Batch(np.array([0, 1]), np.array([500], np.int32))
    with pytest.raises(UserError, match="beyond the 30 of the catalogue"):
        pack.write(tmp_path / "w", model("filter"), [f"i{n}" for n in range(N_ITEMS)], pack.People(["u"], wrong), {})


def test_ids_titles_histories_and_vectors_are_as_many_as_the_tables_are_long(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b", "gnn")
    for part, file in (("model", MODEL), ("people", PEOPLE)):
        whole = (folder / file).read_bytes()
        tensors = {name: np.array(values) for name, values in safetensors.read(folder / file).items()}
        changed = {
            "item_ids.offsets": lambda ends: ends[1:],
            "titles.offsets": lambda ends: ends[::-1],
            "user_ids.offsets": lambda ends: np.append(ends, ends[-1]),
            "user_vectors.values": lambda rows: rows[1:],
            "user_vectors.scale": lambda scale: scale[1:],
        }
        for name in changed.keys() & tensors.keys():
            cut = {"user_vectors.values", "user_vectors.scale"} if name.startswith("user_vectors") else {name}
            safetensors.write(folder / file, tensors | {one: changed[one](tensors[one]) for one in cut})
            parts = json.loads((folder / manifests.NAME).read_text())["parts"]
            rewritten(folder, parts=parts | {part: manifests.part(folder, file)})
            with pytest.raises(UserError, match="not written by Recsmith"):
                load(folder)
        (folder / file).write_bytes(whole)
        rewritten(folder, parts=parts | {part: manifests.part(folder, file)})
    load(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_tensors_of_another_shape_or_type_are_refused_or_answer(tmp_path: Path, family: str) -> None:
    folder, refused = make_bundle(tmp_path / "b", family), 0
    small = int4.compress(model(family), Calibration(histories()), Knobs())
    people = pack.People([f"u{n}" for n in range(N_USERS)], histories())
    pack.write(folder, small, [f"i{n}" for n in range(N_ITEMS)], people, {})
    parts = json.loads((folder / manifests.NAME).read_text())["parts"]
    for part, file in (("model", MODEL), ("people", PEOPLE)):
        tensors = {name: np.array(values) for name, values in safetensors.read(folder / file).items()}
        for name, values in tensors.items():
            for wrong in (values[:-1], values[:0], values[None], values[..., None], values.astype(np.float64)):
                safetensors.write(folder / file, tensors | {name: wrong})
                rewritten(folder, parts=parts | {part: manifests.part(folder, file)})
                try:
                    bundle = load(folder)
                except UserError:
                    refused += 1
                    continue
                assert (bundle.recommend(["u0", "u5"], 5).items >= 0).all(), name
                assert (bundle.recommend(["u0"], 5).items >= 0).all(), name
                assert list(bundle.items), name
        safetensors.write(folder / file, tensors)
    assert refused > 60


@pytest.mark.parametrize(
    "parts", [None, {}, {"people": {}}, {"model": None}, {"model": {"file": "../b/m", "bytes": 1, "sha256": ""}}]
)
def test_a_manifest_that_does_not_say_what_lies_where_is_refused(tmp_path: Path, parts: object) -> None:
    folder = make_bundle(tmp_path / "b")
    rewritten(folder, parts=parts)
    for reading in (load, contents):
        with pytest.raises(UserError, match="does not say where in the bundle its model is"):
            reading(folder)


def test_headers_without_end_and_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    rewritten(folder, fold_in={"alpha": float("nan")})
    with pytest.raises(UserError, match="finite and not negative"):
        load(folder)
    (folder / manifests.NAME).write_text("[" * 100_000)
    with pytest.raises(UserError, match="not valid JSON"):
        load(folder)
    with pytest.raises(UserError, match="popularity has one finite number an item"):
        replace(model("filter"), popularity=np.full(N_ITEMS, np.nan, np.float32))


@pytest.mark.parametrize("place", ["file_hash", "open_json", "folder"])
def test_a_bundle_that_may_not_be_read_is_an_error_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    folder = make_bundle(tmp_path / "b")
    if place == "file_hash":
        monkeypatch.setattr(manifests, "file_hash", refuse)
    else:
        monkeypatch.setattr(Path, "read_text" if place == "open_json" else "is_dir", refuse)
    with pytest.raises(UserError, match=r"cannot be read: Permission denied"):
        load(folder)


def test_ids_and_tables_that_do_not_fit_are_not_packed(tmp_path: Path) -> None:
    ids = [f"i{n}" for n in range(N_ITEMS)]
    with pytest.raises(UserError, match="30 items; 2 ids"):
        pack.write(tmp_path / "b", model("filter"), ["a", "b"], None, {})
    with pytest.raises(UserError, match="1 users were given and 12 histories"):
        pack.write(tmp_path / "b", model("filter"), ids, pack.People(["u"], histories()), {})
    stored = Batch(np.array([0, 1]), np.array([0], np.int32))
    with pytest.raises(UserError, match="1 users have a history and the model stores 11"):
        pack.write(tmp_path / "b", model("gnn"), ids, pack.People(["u"], stored), {})
    assert not (tmp_path / "b").exists()


def test_erasing_nothing_a_query_of_the_model_equals_the_bundle(tmp_path: Path) -> None:
    bundle = load(make_bundle(tmp_path / "b"))
    batch = histories().part(2, 3)
    direct, _ = top_k(bundle.model, [Query(batch.indices)], 5)
    assert np.array_equal(direct[0], bundle.recommend(["u2"], 5).items[0])
