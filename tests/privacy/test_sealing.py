"""What is encrypted comes back as it was, and anything altered is refused."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving.small_bundles import make_bundle

from recsmith.__main__ import main
from recsmith.errors import UserError
from recsmith.files import file_hash
from recsmith.privacy import archive, sealing
from recsmith.privacy.keys import Key

SECRET, OTHER = "a key that nobody guesses", "another key, quite as long"
KEY, STRANGER = (Key(sealing.VARIABLE, secret.encode()) for secret in (SECRET, OTHER))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sealing.VARIABLE, SECRET)
    monkeypatch.setattr(sealing, "CHUNK", 64)


def sealed(data: bytes, key: Key = KEY) -> bytes:
    target = io.BytesIO()
    sealer = sealing.Sealer(target, key)
    for start in range(0, len(data), 50):
        sealer.write(data[start : start + 50])
    sealer.close()
    return target.getvalue()


def opened(data: bytes, key: Key = KEY) -> bytes:
    return sealing.Opener(io.BytesIO(data), key, "x.sealed").read()


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400), st.integers(1, 90))
def test_any_bytes_come_back_read_at_once_or_in_pieces(data: bytes, piece: int) -> None:
    again = sealed(data)
    assert opened(again) == data
    opener = sealing.Opener(io.BytesIO(again), KEY, "x")
    assert b"".join(iter(lambda: opener.read(piece), b"")) == data


def test_two_sealings_of_the_same_bytes_share_nothing_but_the_words_of_the_header() -> None:
    first, second = sealed(b"people" * 40), sealed(b"people" * 40)
    start = sealing.HEADER.size
    assert first[start:] != second[start:]
    assert b"people" not in first
    assert len(first) == start + 240 + 4 * sealing.TAG


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_changed_byte_anywhere_is_refused(data: st.DataObject) -> None:
    good = sealed(bytes(range(200)))
    place = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.integers(1, 255))
    bad = good[:place] + bytes([good[place] ^ other]) + good[place + 1 :]
    with pytest.raises(UserError, match=r"x\.sealed"):
        opened(bad)


BLOCK = 64 + sealing.TAG


@pytest.mark.parametrize(
    "change",
    [
        lambda head, chunks: head + b"".join(chunks[:-1]),
        lambda head, chunks: head + b"".join([chunks[1], chunks[0], *chunks[2:]]),
        lambda head, chunks: head + b"".join([chunks[0], *chunks]),
        lambda head, chunks: head + b"".join(chunks[1:]),
        lambda head, chunks: head + b"".join(chunks) + chunks[-1],
        lambda head, chunks: head + b"".join(chunks) + b"x",
        lambda head, chunks: head + b"".join(chunks)[:-1],
        lambda head, chunks: head,
        lambda head, chunks: head[:-1],
        lambda head, chunks: sealed(bytes(200))[: len(head)] + b"".join(chunks),
    ],
)
def test_truncation_reordering_and_splicing_are_refused(change: Callable[[bytes, list[bytes]], bytes]) -> None:
    good = sealed(bytes(range(256)))
    head, body = good[: sealing.HEADER.size], good[sealing.HEADER.size :]
    chunks = [body[start : start + BLOCK] for start in range(0, len(body), BLOCK)]
    assert len(chunks) == 4
    with pytest.raises(UserError, match=r"x\.sealed"):
        opened(change(head, chunks))


def test_a_wrong_key_is_refused_by_name_and_so_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("hello")
    archive.seal(tmp_path / "a", tmp_path / "a.sealed", KEY)
    monkeypatch.setenv(sealing.VARIABLE, OTHER)
    wanted = f"encrypted with the key {KEY.fingerprint}, and RECSMITH_KEY holds the key {STRANGER.fingerprint}"
    with pytest.raises(UserError, match=wanted):
        archive.unseal(tmp_path / "a.sealed", tmp_path / "b")
    monkeypatch.delenv(sealing.VARIABLE)
    with pytest.raises(UserError, match=f"with the key {KEY.fingerprint}. Set the environment variable RECSMITH_KEY"):
        archive.unseal(tmp_path / "a.sealed", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def hashes(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in folder.rglob("*") if path.is_file()}


def test_a_folder_comes_back_as_it_was_and_an_altered_one_not_at_all(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    archive.seal(bundle, tmp_path / "b.sealed", KEY)
    archive.unseal(tmp_path / "b.sealed", tmp_path / "again")
    assert hashes(tmp_path / "again") == hashes(bundle)
    content = bytearray((tmp_path / "b.sealed").read_bytes())
    content[-1] ^= 1
    (tmp_path / "b.sealed").write_bytes(content)
    with pytest.raises(UserError, match="was altered or cut off"):
        archive.unseal(tmp_path / "b.sealed", tmp_path / "third")
    assert not (tmp_path / "third").exists()


def test_the_commands_encrypt_decrypt_and_serve_an_encrypted_bundle_and_leave_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr(archive, "IN_MEMORY", private)
    bundle = make_bundle(tmp_path / "bundle")
    file = str(tmp_path / "b.sealed")
    assert main(["encrypt", str(bundle), file]) == 0
    assert main(["decrypt", file, str(tmp_path / "again")]) == 0
    assert hashes(tmp_path / "again") == hashes(bundle)
    shutil.rmtree(tmp_path / "again")
    capsys.readouterr()
    answers = []
    for where in (str(bundle), file):
        assert main(["recommend", "--bundle", where, "--history", "i01", "--k", "3"]) == 0
        assert main(["similar", "--bundle", where, "--item", "i01"]) == 0
        assert main(["embed", "--bundle", where, "--out", str(tmp_path / "v.parquet")]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert os.listdir(private) == []
    assert main(["encrypt", str(bundle), file]) == 1
    assert "is there already" in capsys.readouterr().err
    monkeypatch.delenv(sealing.VARIABLE)
    assert main(["recommend", "--bundle", file, "--history", "i01"]) == 1
    assert f"is encrypted with the key {KEY.fingerprint}" in capsys.readouterr().err


def test_what_is_not_encrypted_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.sealed").write_bytes(b"hello" * 20)
    with pytest.raises(UserError, match=r"x\.sealed is not encrypted by Recsmith"):
        archive.unseal(tmp_path / "x.sealed", tmp_path / "y")
    with pytest.raises(UserError, match="is no encrypted file"):
        archive.unseal(tmp_path / "nowhere", tmp_path / "y")
