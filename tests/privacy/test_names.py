"""Names of objects on an encrypted remote."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsmith.privacy.keys import Key
from recsmith.privacy.names import Names

MINE, OTHERS = (Names(Key("K", secret)) for secret in (b"a key that nobody guesses", b"another key, quite as long"))
MD5 = st.binary(min_size=16, max_size=16).map(bytes.hex)


@settings(deadline=None, max_examples=50)
@given(MD5, st.sampled_from(["", ".dir"]))
def test_a_name_leads_back_to_its_md5_with_the_key_alone(md5: str, kind: str) -> None:
    name = MINE.name(md5 + kind)
    assert name == MINE.name(md5 + kind)
    assert MINE.md5(name) == md5 + kind
    assert OTHERS.md5(name) is None
    assert OTHERS.name(md5 + kind) != name
    assert len(name) == 66
    assert md5 not in name


@settings(deadline=None, max_examples=50)
@given(MD5)
def test_a_folder_and_a_file_have_names_that_share_nothing(md5: str) -> None:
    file, folder = MINE.name(md5), MINE.name(f"{md5}.dir")
    assert len(file) == len(folder)
    assert sum(one == other for one, other in zip(file, folder, strict=True)) < 30


@pytest.mark.parametrize("name", ["", "zz", "00" * 33, "recsmith-sealed.json"])
def test_what_is_no_name_is_none(name: str) -> None:
    assert MINE.md5(name) is None
