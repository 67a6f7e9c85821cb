"""Which column means what, by its name and its values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date

import pyarrow as pa

from recsmith.errors import UserError
from recsmith.sources import sniff, values
from recsmith.tables import columns as c

USERS = (
    *("userid", "user", "uid", "users", "customerid", "customer", "visitorid", "memberid", "member", "accountid"),
    *(
        "reviewerid",
        "personid",
        "clientid",
        "readerid",
        "playerid",
        "subscriberid",
        "username",
        "profilename",
        "author",
        "visitor",
        "client",
        "shopper",
        "buyer",
    ),
)
ITEMS = (
    *("itemid", "item", "iid", "items", "productid", "product", "parentasin", "asin", "movieid", "movie", "filmid"),
    *("bookid", "isbn", "songid", "trackid", "artistid", "albumid", "businessid", "gameid", "appid", "articleid"),
    *("newsid", "restaurantid", "poiid", "venueid", "locationid", "placeid", "recipeid", "beerid", "animeid"),
    *("contentid", "listingid", "courseid", "jobid", "videoid", "stockcode", "sku", "showid", "documentid", "hotelid"),
)
TIMES = (
    *("timestamp", "ts", "time", "datetime", "eventtime", "eventtimestamp", "unixreviewtime", "unixtime", "date"),
    *("createdat", "ratedat", "reviewtime", "reviewdate", "invoicedate", "purchasedat", "orderdate", "eventdate"),
)
WEIGHTS = ("rating", "stars", "score", "overall", "weight", "playcount", "plays", "listens", "count", "quantity")
EVENTS = ("event", "eventtype", "behavior", "behaviour", "behaviortype", "action", "actiontype", "interactiontype")
TITLES = ("title", "movietitle", "producttitle", "itemtitle", "booktitle", "name", "productname", "itemname")
FRIENDS = (
    "friendid",
    "friend",
    "trusteeid",
    "trustee",
    "followeeid",
    "followee",
    "targetid",
    "targetuserid",
    "friends",
)
SOURCES = ("sourceid", "sourceuserid", "trustorid", "trustor", "followerid", "follower")
WORDS: dict[str, dict[str, Sequence[str]]] = {
    "interactions": {
        c.USER: USERS,
        c.ITEM: ITEMS,
        c.TIMESTAMP: TIMES,
        c.WEIGHT: WEIGHTS,
        c.EVENT: EVENTS,
        c.SPLIT: ("split",),
    },
    "users": {c.USER: (*USERS, "id")},
    "items": {c.ITEM: (*ITEMS, "id"), c.TITLE: TITLES},
    "social": {c.SOURCE_USER: (*SOURCES, *USERS), c.TARGET_USER: FRIENDS, c.WEIGHT: WEIGHTS},
    "knowledge": {
        c.HEAD: ("head", "headid", "subject"),
        c.RELATION: ("relation", "relationid", "predicate"),
        c.TAIL: ("tail", "tailid", "object"),
    },
}
"""Role -> canonical column -> names that people give it, the surest first."""
DEEDS = (
    "view",
    "click",
    "cart",
    "buy",
    "purchase",
    "order",
    "favourite",
    "favorite",
    "like",
    "share",
    "play",
    "rating",
)
"""What people do to things, in the names of files and the values of columns."""
UNIT_RANGES = (("s", 1e8, 4.2e9), ("ms", 1e11, 4.2e12), ("us", 1e14, 4.2e15), ("ns", 1e17, 4.2e18))
"""From 1973 to 2103, in each unit: the ranges do not overlap."""


def plain(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def matches(names: Iterable[str], words: Sequence[str]) -> list[str]:
    """The columns whose name is the surest word that any of them has; several where they are equally sure."""
    ranked = [(words.index(plain(name)), name) for name in names if plain(name) in words]
    best = min((rank for rank, _ in ranked), default=None)
    return [name for rank, name in ranked if rank == best]


def known(names: Iterable[str]) -> bool:
    """Whether any of these is a name that people give to a column."""
    every = {word for role in WORDS.values() for words in role.values() for word in words}
    return any(plain(name) in every for name in names)


def role_of(names: Sequence[str]) -> str | None:
    """What a file with these columns holds, or None where they do not say."""

    def has(words: Sequence[str]) -> bool:
        return bool(matches(names, words))

    if all(has(words) for words in WORDS["knowledge"].values()):
        return "knowledge"
    if has(FRIENDS) and (has(SOURCES) or has(USERS)):
        return "social"
    if has(USERS) and has(ITEMS):
        return "interactions"
    if has(ITEMS):
        return "items"
    return "users" if has(USERS) else None


def unit_of(sample: Sequence[object]) -> str | None:
    """The unit of a column of times (``s`` too for typed ones), or None where its values do not say."""
    if not sample or all(isinstance(value, date) for value in sample):
        return "s"
    if all(isinstance(value, int | float) or sniff.is_number(str(value)) for value in sample):
        numbers = [float(str(value)) for value in sample]
        return next((unit for unit, low, high in UNIT_RANGES if all(low <= n <= high for n in numbers)), None)
    try:
        values.seconds(pa.chunked_array([[str(value) for value in sample]]), "iso", values.Place(""))
    except UserError:
        return None
    return "iso"


def looks_like_time(sample: Sequence[object]) -> bool:
    """Whether values without a name can only be times: dates, or numbers of the size that times have now."""
    return bool(sample) and unit_of(sample) is not None and len({str(value) for value in sample}) > 1


def looks_like_events(sample: Sequence[object]) -> bool:
    """Whether values can only be what people did: several kinds, each with a word such as view or buy in it."""
    kinds = {str(value).lower() for value in sample}
    return len(kinds) > 1 and all(set(DEEDS) & set(re.findall("[a-z]+", kind)) for kind in kinds)
