"""Timelines drawn: within their columns whatever is in them, plain or coloured, narrow or wide, and as a page."""

from __future__ import annotations

import re
from array import array
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait._core.trace import Lane, Trace
from plait._draw.columns import cells, draw_columns, printable, shortened, wrap
from plait._draw.page import Chapter, draw_page
from plait._draw.timeline import Row, Timeline
from plait._draw.trace_text import draw_text

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # others run beside it

TWO = Timeline(
    ("Thread-1 (deposit)", "Thread-2 (deposit)"),
    (
        Row(0, "/app/bank.py", 12, "old = self.balance", "reads self.balance", ("lock",)),
        Row(1, "/app/bank.py", 13, "self.balance = old + amount", "writes self.balance"),
        Row(-1, "/app/bank.py", 40, "assert total == 200", "MainThread fails: AssertionError"),
    ),
)


def test_two_threads_side_by_side() -> None:
    assert draw_columns(TWO) == (
        "  bank.py\n"
        "      Thread-1 (deposit)                │     Thread-2 (deposit)\n"
        "  12  old = self.balance                │\n"
        "      ↳ reads self.balance              │\n"
        "        holds lock                      │\n"
        "                                        │ 13  self.balance = old + amount\n"
        "                                        │     ↳ writes self.balance\n"
        "  40  assert total == 200\n"
        "      ↳ MainThread fails: AssertionError"
    )


def test_many_threads_stand_one_below_the_other() -> None:
    many = Timeline(tuple(f"T{n}" for n in range(5)), tuple(Row(n, "a.py", n + 1, "x = 1", "") for n in range(5)))
    drawn = draw_columns(many).splitlines()
    assert "│" not in "".join(drawn)
    assert drawn[1:3] == ["  T0", "    1  x = 1"]


@pytest.mark.parametrize("letters", [35, 78, 79, 200])
@pytest.mark.parametrize("lanes", [2, 5])  # side by side, and one below the other
def test_long_names_of_threads_stay_within_the_width(letters: int, lanes: int) -> None:
    named = Timeline(("x" * letters,) * lanes, tuple(Row(n, "a.py", n + 1, "x = 1", "") for n in range(lanes)))
    drawn = draw_columns(named).splitlines()
    assert all(cells(line) <= 80 for line in drawn)
    assert sum(line.count("x") for line in drawn) == lanes * (letters + 1)


def test_files_are_named_when_there_are_several() -> None:
    two = Timeline(("A", "B"), (Row(0, "/x/a.py", 3, "x", ""), Row(1, "/y/b.py", 4, "y", "")))
    assert "a.py:3  x" in draw_columns(two)
    assert "b.py:4  y" in draw_columns(two)


@pytest.mark.parametrize("letters", [10, 25, 35, 60, 200])
@pytest.mark.parametrize("lanes", [2, 3])
def test_long_names_of_files_leave_room_for_the_text(letters: int, lanes: int) -> None:
    names = [f"/x/{'long_' * 50}"[: 3 + letters] + f"{n}.py" for n in range(lanes)]
    rows = tuple(Row(n, name, 1234, "x = 1", "reads self.value") for n, name in enumerate(names))
    drawn = draw_columns(Timeline(tuple("ABC"[:lanes]), rows))
    assert drawn.count(".py:1234  x = 1") == drawn.count("↳ reads") == lanes  # in one piece
    assert all(cells(line) <= 80 for line in drawn.splitlines())


@pytest.mark.parametrize("letter", ["計", "🎉", "e\u0301", "\x07"])
@pytest.mark.parametrize("letters", [2, 30])
def test_names_of_files_are_as_wide_as_the_terminal_shows_them(letter: str, letters: int) -> None:
    rows = Row(0, f"/x/{letter * letters}.py", 3, "x = n", "reads n"), Row(1, "/x/b.py", 14, letter * 90, "writes n")
    drawn = draw_columns(Timeline(("A", "B"), rows), 120).split("\n")
    assert "\x07" not in "".join(drawn)
    assert all(cells(line) <= 120 for line in drawn)
    assert len({cells(line.partition("│")[0]) for line in drawn if "│" in line}) == 1
    assert (
        len({cells(line[: line.index(mark)]) for line in drawn for mark in ("x = n", "↳ reads") if mark in line}) == 1
    )


def test_nothing_to_draw() -> None:
    assert draw_columns(Timeline(("A",), ())) == ""


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
files = st.sampled_from(["a.py", "計算機.py", "🎉" * 30, "\x07"])
rows = st.builds(
    Row, st.integers(-1, 1), files, st.integers(0, 5000), texts, texts, st.lists(texts, max_size=2).map(tuple)
)


@unhurried
@given(st.lists(rows, min_size=1, max_size=5), st.integers(60, 120), texts)
def test_no_line_is_too_wide(drawn: list[Row], width: int, name: str) -> None:
    for line in draw_columns(Timeline((name, "B"), tuple(drawn)), width).split("\n"):
        assert cells(line) <= width


@unhurried
@given(st.lists(rows, min_size=1, max_size=3))
def test_colours_change_nothing_else(drawn: list[Row]) -> None:
    timeline = Timeline(("A", "B"), tuple(row._replace(source=row.source.replace("\x1b", "")) for row in drawn))
    coloured = draw_columns(timeline, colour=True)
    plain = "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", coloured).split("\n"))
    assert plain == draw_columns(timeline)


@unhurried
@given(texts, st.integers(-3, 40))
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    pieces = wrap(text, width)
    assert all(cells(piece) <= max(2, width) for piece in pieces)
    squeezed = "".join(letter if letter.isprintable() else "·" for letter in text.expandtabs(4)).replace(" ", "")
    assert "".join(pieces).replace(" ", "") == squeezed


def test_wide_letters_count_twice_and_combining_ones_not() -> None:
    assert cells("数") == 2
    assert cells("e\u0301") == 1


def test_an_encoding_that_cannot_show_it() -> None:
    assert printable("│ ↳ x", "ascii") == "| > x"
    assert printable("│ ↳ x", "utf-8") == "│ ↳ x"
    assert printable("é", None) == "\\xe9"
    assert printable("é", "no such encoding") == "\\xe9"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_no_network() -> None:
    evil = Timeline(("<b>", "B"), (Row(0, "a&b.py", 1, "x = '</td><script>'", "reads <x>", ("<lock>",)),))
    chapter = Chapter("Lost & found", ("It reads `a < b` there.",), evil, (("fix", "use `with lock:`"),))
    page = draw_page("Lost & found", [chapter, Chapter("Second", (), TWO, ())])
    reader = _Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.links == []
    assert "http" not in page
    assert "<script>" not in page
    assert "x = '</td><script>'" in reader.text
    assert "<code>a &lt; b</code>" in page
    assert "prefers-color-scheme: dark" in page
    assert page.count("<h1>") == 2


@unhurried
@given(st.text(st.sampled_from("ab _計🎉\x07"), max_size=40), st.integers(6, 30))
def test_a_name_is_shortened_in_its_middle(name: str, width: int) -> None:
    short, whole = shortened(name, width), name.replace("\x07", "·")
    assert cells(short) <= width
    begin, cut, end = short.partition("…")
    assert whole.startswith(begin)
    assert whole.endswith(end)
    assert bool(cut) is (cells(whole) > width)


def test_lanes_whose_names_differ_at_their_ends_have_different_names_in_a_terminal() -> None:
    names = [f"ThreadPoolExecutor-0_{at}" for at in range(12)]
    lanes = [
        Lane(name, "thread", 1, at, array("q", [0]), bytearray([1]), array("L", [0])) for at, name in enumerate(names)
    ]
    drawn = draw_text(Trace("app.py", 0.0, 1_000_000, lanes), 80).splitlines()
    assert len({line.partition("|")[0] for line in drawn if "|#" in line}) == len(names)
