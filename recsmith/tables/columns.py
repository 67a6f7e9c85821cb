"""The names of all columns, once."""

from __future__ import annotations

USER = "user_id"
ITEM = "item_id"
TIMESTAMP = "timestamp"
"""UTC seconds, int64, null where the source has none."""
WEIGHT = "weight"
"""Rating or count, float64, null where the source has none."""
EVENT = "event"
"""view, cart, buy, ...; ``interaction`` where the source names none."""
SPLIT = "split"
"""train, valid or test where the source comes split, else null."""
POSITION = "position"
"""Place in the user's list, int64, where the source gives ordered lists; else null."""
TITLE = "title"
SOURCE_USER, TARGET_USER = "user_id", "friend_id"
HEAD, RELATION, TAIL = "head", "relation", "tail"

INTERACTIONS = (USER, ITEM, TIMESTAMP, WEIGHT, EVENT, SPLIT, POSITION)
ORDER = (USER, TIMESTAMP, ITEM, EVENT, WEIGHT, SPLIT)
"""How interactions are ordered in every file; nulls first in those of the splits, strings by their UTF-8 bytes."""
DEFAULT_EVENT = "interaction"
SPLITS = ("train", "valid", "test")
TABLES = ("interactions", "users", "items", "social", "knowledge")
