"""A timeline in a terminal: a column for each thread side by side, time going down.

Text that is too wide is wrapped, wide characters count twice and what cannot be printed is a dot, so that no row leaves
its column. Where a column, or what the names of files leave of it, would be too narrow the threads stand one under the
other instead. Colours are a dozen bytes of ANSI written here, since rich is imported by the file that moves the cursor
and nothing else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import zip_longest

from plait._draw.timeline import Row, Timeline, files_of, short_name

_NARROWEST = 24
_LEAST = 16  # cells of a column that are left for text beside the file and the line
_LONGEST = 36  # cells of a file and a line; of a longer one the end is shown
_MARGIN = "  "
_BAR = " │ "
_DIM, _BOLD, _END = "\x1b[2m", "\x1b[1m", "\x1b[0m"
_LANES = ("\x1b[36m", "\x1b[35m", "\x1b[33m", "\x1b[32m", "\x1b[34m")  # cyan, magenta, yellow, green, blue
_PLAIN = str.maketrans({"│": "|", "─": "-", "┼": "+", "↳": ">", "…": ".", "–": "-", "→": ">", "·": ".", "×": "x"})


def draw_columns(timeline: Timeline, width: int = 80, *, colour: bool = False) -> str:
    """The timeline as lines of at most `width` cells; "" when there is nothing to draw.

    >>> rows = Row(0, "a.py", 3, "x = n", "reads n"), Row(1, "a.py", 4, "n = 1", "")
    >>> print(draw_columns(Timeline(("A", "B"), rows), 60))
      a.py
         A                        │    B
      3  x = n                    │
         ↳ reads n                │
                                  │ 4  n = 1
    """
    if not timeline.rows:
        return ""
    cell = (width - len(_MARGIN) - len(_BAR) * (len(timeline.lanes) - 1)) // max(1, len(timeline.lanes))
    painter = _Painter(timeline, cell, colour)
    lines = (
        painter.side_by_side(width - len(_MARGIN))
        if cell >= max(_NARROWEST, painter.gutter + 2 + _LEAST)
        else painter.one_below_the_other(width - len(_MARGIN))
    )
    return "\n".join(line.rstrip() for line in lines)


def printable(text: str, encoding: str | None) -> str:
    """The text as far as an encoding can show it: lines become minus signs and bars, the rest escapes."""
    encoding = encoding or "ascii"
    try:
        text.encode(encoding)
        return text
    except (UnicodeEncodeError, LookupError):
        return text.translate(_PLAIN).encode("ascii", "backslashreplace").decode()


def cells(text: str) -> int:
    """How many cells of a terminal the text takes."""
    return sum(map(_cells, text))


def shortened(text: str, width: int) -> str:
    """The text in at most `width` cells, 6 at least: cut out is its middle, since names often differ at their ends.

    >>> shortened("ThreadPoolExecutor-0_1", 20)
    'ThreadPool…cutor-0_1'
    """
    text = _dotted(text)
    if cells(text) <= width:
        return text
    end = _last(text, (width - 1) // 2)
    return text[: _fitting(text, width - 1 - cells(end))] + "…" + end


def wrap(text: str, width: int) -> list[str]:
    """The text in pieces of at most `width` cells, cut at a blank where there is a good one."""
    text = _dotted(text)
    pieces, width = [], max(1, width)
    while cells(text) > width and len(text) > 1:
        cut = _fitting(text, width)
        blank = text.rfind(" ", cut // 4, cut + 1)
        cut = blank if blank > 0 else cut
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text]


class _Painter:
    """Draws rows into columns."""

    def __init__(self, timeline: Timeline, cell: int, colour: bool) -> None:
        self._timeline = timeline
        self._cell = cell
        self._colour = colour
        self._files = files_of(timeline)
        self.gutter = max(cells(self._where(row)) for row in timeline.rows)

    def side_by_side(self, width: int) -> Iterator[str]:
        lanes = len(self._timeline.lanes)
        if len(self._files) == 1:
            yield _MARGIN + self._paint(_DIM, _last(_dotted(short_name(self._files[0])), width))
        indent = " " * (self.gutter + 2)
        heads = [wrap(name, self._cell - len(indent)) for name in self._timeline.lanes]
        for line in zip_longest(*heads, fillvalue=""):
            yield self._join([(indent + name, self._lane_colour(at)) for at, name in enumerate(line)])
        holding: dict[int, tuple[str, ...]] = {}
        for row in self._timeline.rows:
            if row.lane < 0:
                yield from self._across(row, width)
                continue
            for text, paint in self._row(row, holding, self._cell):
                blank = [("", "")] * lanes
                blank[row.lane] = (text, paint)
                yield self._join(blank)

    def one_below_the_other(self, width: int) -> Iterator[str]:
        if len(self._files) == 1:
            yield _MARGIN + self._paint(_DIM, _last(_dotted(short_name(self._files[0])), width))
        holding: dict[int, tuple[str, ...]] = {}
        lane = -1
        for row in self._timeline.rows:
            if row.lane < 0:
                yield from self._across(row, width)
                continue
            if row.lane != lane:
                lane = row.lane
                for name in wrap(self._timeline.lanes[lane], width):
                    yield _MARGIN + self._paint(self._lane_colour(lane), name)
            for text, paint in self._row(row, holding, width - 2):
                yield _MARGIN + "  " + self._paint(paint, text)

    def _row(self, row: Row, holding: dict[int, tuple[str, ...]], width: int) -> Iterator[tuple[str, str]]:
        indent = " " * (self.gutter + 2)
        where = _before(self._where(row), self.gutter) + "  "
        for piece in _shortened(wrap(row.source, width - len(indent))) if row.source else ():
            yield where + piece, ""
            where = indent
        notes = [f"↳ {row.does}"] if row.does else []
        if row.held != holding.get(row.lane, ()):
            holding[row.lane] = row.held
            if row.held:
                notes.append(f"  holds {', '.join(row.held)}")
        for note in notes:
            for at, piece in enumerate(wrap(note, width - len(indent) - 2)):
                yield (indent if row.source or at else where) + ("  " if at else "") + piece, _DIM

    def _across(self, row: Row, width: int) -> Iterator[str]:
        for text, paint in self._row(row, {}, width):
            yield _MARGIN + self._paint(paint, text)

    def _where(self, row: Row) -> str:
        if not row.line:
            return ""
        where = str(row.line) if len(self._files) < 2 else _dotted(f"{short_name(row.file)}:{row.line}")
        return where if cells(where) <= _LONGEST else "…" + _last(where, _LONGEST - 1)

    def _join(self, columns: list[tuple[str, str]]) -> str:
        padded = [
            self._paint(paint, text) + " " * (self._cell - cells(text)) if at < len(columns) - 1 else
            self._paint(paint, text)
            for at, (text, paint) in enumerate(columns)
        ]  # fmt: skip
        return _MARGIN + self._paint(_DIM, _BAR).join(padded)

    def _lane_colour(self, lane: int) -> str:
        return _BOLD + _LANES[lane % len(_LANES)]

    def _paint(self, paint: str, text: str) -> str:
        return f"{paint}{text}{_END}" if self._colour and paint and text else text


def _shortened(pieces: list[str]) -> list[str]:
    """The first two pieces of a line of source: enough to know it."""
    return pieces if len(pieces) < 3 else [pieces[0], pieces[1][: _fitting(pieces[1], cells(pieces[1]) - 1)] + "…"]


def _dotted(text: str) -> str:
    """The text with a dot for each letter that cannot be printed."""
    return "".join(letter if letter.isprintable() else "·" for letter in text.expandtabs(4))


def _before(text: str, width: int) -> str:
    """The text at the right of `width` cells."""
    return " " * (width - cells(text)) + text


def _last(text: str, width: int) -> str:
    """What fits of the end of the text, or all of it."""
    return text[len(text) - _fitting(text[::-1], width) :]


def _cells(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _fitting(text: str, width: int) -> int:
    """How many letters of the text fit."""
    taken = 0
    for at, letter in enumerate(text):
        taken += _cells(letter)
        if taken > width:
            return max(1, at)
    return len(text)
