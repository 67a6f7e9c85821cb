"""MovieLens latest-small: what it consists of, how its files are read, and what its licence asks."""

from __future__ import annotations

from pathlib import Path

from recsmith.config.ingest import FileSpec, Ingest
from recsmith.errors import UserError
from recsmith.files import read_json
from recsmith.sources import delimited, demo
from recsmith.sources.contract import Tables

NAME = "ml-latest-small"
ARCHIVE = "ml-latest-small.zip"
ADDRESS = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
HASHES = {
    "links.csv": "97ad18e4e56a09363c65676b6cb3482ce3e2cea2372a24620c1599c843325f31",
    "movies.csv": "5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07",
    "ratings.csv": "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646",
    "tags.csv": "92a9f8bb7916dceef6151209845788c3643f794dfa79d1feaec7121b5960399d",
}
"""sha256 of each file's contents; that of the archive around them is not fixed."""
NOTE = (
    "MovieLens latest-small (GroupLens) is a small development set: it is for trying, and not appropriate for shared "
    "research results. Research use; no commercial use without permission. "
    "Harper and Konstan 2015, doi:10.1145/2827872."
)
FILES = (
    FileSpec(
        file="ratings.csv",
        columns={"user_id": "userId", "item_id": "movieId", "weight": "rating", "timestamp": "timestamp"},
        delimiter=",",
        header=True,
        timestamp_unit="s",
    ),
    FileSpec(
        file="movies.csv", role="items", columns={"item_id": "movieId", "title": "title"}, delimiter=",", header=True
    ),
)


def read(params: Ingest, root: Path) -> Tables:
    """The fetched files, or the demo where it stands in for them."""
    described = root / params.path / "source.json"
    if not described.exists():
        raise UserError(f"{params.path}/source.json does not exist. Run `recsmith fetch` first.")
    source = read_json(described)
    if source.get("stand_in"):
        return demo.read(params, root)
    if source.get("name") != NAME:
        raise UserError(f"{params.path} holds {source.get('name')!r}, not {NAME}. Run `recsmith fetch` first.")
    as_files = Ingest.model_construct(**{**dict(params), "source": "files", "format": "delimited", "files": FILES})
    return delimited.read(as_files, root)
