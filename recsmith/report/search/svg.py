"""Boxes and arrows as inline SVG; colours come from the page's style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from recsmith.report.search.diagram import Box, Part

LETTER, LINE, PAD, GAP, ROW_GAP, ARC = 7.3, 18, 11, 34, 34, 32
"""Pixels: width of a letter, height of a line, padding of a box, gaps, height of an arc over one box."""
HEAD = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z"/></marker></defs>'
)


@dataclass(frozen=True)
class Place:
    """A box with its left edge, vertical middle and size."""

    box: Box
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def top(self) -> float:
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height / 2

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def picture(parts: Sequence[Part], title: str, join: str = "weighed") -> str:
    """The parts below one another, added up where there are several (``join`` says how), and the scores that come out.

    ``title`` is what a person who does not see the picture is told.
    """
    rows = _rows(parts)
    ends = [row[-1] for row in rows]
    tail = _tail(ends, join)
    drawn = [_arrow(row, *arrow) for part, row in zip(parts, rows, strict=True) for arrow in part.arrows]
    drawn += [_into(end, tail[0], part.weight) for part, end in zip(parts, ends, strict=True)]
    drawn += [_straight(left, right) for left, right in pairwise(tail)]
    drawn += [_box(place) for places in (*rows, tail) for place in places]
    width, height = round(tail[-1].right) + 4, round(rows[-1][0].bottom + _arcs(parts[-1])[1]) + 4
    size = (
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" style="min-width: {round(0.75 * width)}px"'
    )
    return f'<svg class="picture" {size} role="img" aria-label="{escape(title)}">{HEAD}{"".join(drawn)}</svg>'


def _rows(parts: Sequence[Part]) -> list[list[Place]]:
    rows: list[list[Place]] = []
    top = 4.0
    for part in parts:
        over, under = _arcs(part)
        rows.append(_row(part, top + over))
        top = rows[-1][0].bottom + under + ROW_GAP
    return rows


def _arcs(part: Part) -> tuple[float, float]:
    """The room that arrows over more than one box take above and below the boxes."""
    skips = [(part.boxes[target], _rise(target - source)) for source, target in part.arrows if target - source > 1]
    # A curve reaches three quarters of the way to its control points.
    over = max((0.75 * rise for box, rise in skips if not _below(box)), default=0.0)
    return over, max((0.75 * rise for box, rise in skips if _below(box)), default=0.0)


def _rise(span: int) -> float:
    return ARC + 16 * (span - 1)


def _below(target: Box) -> bool:
    """What goes into the combination runs below, what layers read runs above."""
    return target.kind == "join"


def _row(part: Part, top: float) -> list[Place]:
    height = max(_height(box) for box in part.boxes)
    places, x = [], 4.0
    for box in part.boxes:
        places.append(Place(box, x, top + height / 2, _width(box), height))
        x = places[-1].right + GAP
    return places


def _width(box: Box) -> float:
    return max(56.0, max(len(line) for line in box.lines) * LETTER + 2 * PAD)


def _height(box: Box) -> float:
    return len(box.lines) * LINE + 2 * PAD - 4


def _tail(ends: Sequence[Place], join: str) -> list[Place]:
    """Sum and scores, to the right of everything."""
    several = len(ends) > 1
    boxes = [*([Box(("Σ", join), "join")] if several else []), Box(("scores", "of all items"), "output")]
    x, y = max(end.right for end in ends) + GAP * (1 + several), sum(end.y for end in ends) / len(ends)
    places: list[Place] = []
    for box in boxes:
        places.append(Place(box, x, y, _width(box), _height(box)))
        x = places[-1].right + GAP
    return places


def _box(place: Place) -> str:
    size = f'width="{place.width:.1f}" height="{place.height:.1f}"'
    frame = f'<rect class="{place.box.kind}" x="{place.x:.1f}" y="{place.top:.1f}" {size} rx="9"/>'
    first = place.y - (len(place.box.lines) - 1) * LINE / 2 + 4.5
    lines = [_text(line, place.middle, first + number * LINE) for number, line in enumerate(place.box.lines)]
    return frame + lines[0].replace("<text", '<text class="name"') + "".join(lines[1:])


def _text(line: str, x: float, y: float) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(line)}</text>'


def _arrow(row: Sequence[Place], source: int, target: int) -> str:
    left, right, span = row[source], row[target], target - source
    if span == 1:
        return _straight(left, right)
    below = _below(right.box)
    y, rise = (left.bottom, _rise(span)) if below else (left.top, -_rise(span))
    # Arrows that leave or reach one box do so side by side.
    start, end = left.middle + 10, right.middle - 4 - 7 * span
    return _path(f"M{start:.1f} {y:.1f}C{start:.1f} {y + rise:.1f} {end:.1f} {y + rise:.1f} {end:.1f} {y:.1f}")


def _straight(left: Place, right: Place) -> str:
    return _path(f"M{left.right:.1f} {left.y:.1f}L{right.x:.1f} {right.y:.1f}")


def _into(left: Place, right: Place, weight: str) -> str:
    """An arrow to the sum, its factor beside it."""
    half, start, end = (left.right + right.x) / 2, f"{left.right:.1f} {left.y:.1f}", f"{right.x:.1f} {right.y:.1f}"
    curve = _path(f"M{start}C{half:.1f} {left.y:.1f} {half:.1f} {right.y:.1f} {end}")
    aside = 18 if right.y < left.y else -8
    return curve + (_text(weight, left.right + 26, left.y + aside) if weight else "")


def _path(shape: str) -> str:
    return f'<path class="arrow" d="{shape}"/>'
