"""The colours of states in the page of a trace: told apart by all eyes, and seen on their paper."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import pytest

from plait._core.trace import State

PAGE = files("plait._draw").joinpath("trace_page.html").read_text(encoding="utf-8")
FAINT = {State.CORE, State.SLEEP, State.IDLE, State.UNSEEN}  # nothing happens: they may recede
# What linear red, green and blue become without one kind of cone: Machado, Oliveira and Fernandes, 2009.
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "no green": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "no blue": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
Colour = tuple[float, float, float]


def colours(name: str) -> dict[State, Colour]:
    found = re.search(rf"const {name} = \[(.*?)\]", PAGE, re.DOTALL)
    assert found
    words = re.findall("#[0-9a-f]+", found[1])
    assert len(words) == len(State)
    return {state: linear(word) for state, word in zip(State, words, strict=True) if state}


def linear(word: str) -> Colour:
    red, green, blue = (int(word[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def luminance(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def lab(colour: Colour) -> Colour:
    red, green, blue = (min(1.0, max(0.0, part)) for part in colour)
    x, y, z = (
        _root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505),
        _root(0.2126 * red + 0.7152 * green + 0.0722 * blue),
        _root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089),
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _root(part: float) -> float:
    return float(part ** (1 / 3)) if part > 0.008856 else 7.787 * part + 16 / 116


@pytest.mark.parametrize(("name", "paper"), [("LIGHT", "#ffffff"), ("DARK", "#15171a")])
def test_states_have_the_contrast_that_wcag_wants_of_pictures(name: str, paper: str) -> None:
    for state, colour in colours(name).items():
        low, high = sorted((luminance(colour), luminance(linear(paper))))
        assert (high + 0.05) / (low + 0.05) >= (1.1 if state in FAINT else 3), state


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("name", ["LIGHT", "DARK"])
def test_no_two_states_look_alike(name: str, eyes: str) -> None:
    """In CIELAB, where 2.3 is a difference that is just seen side by side."""
    seen = {
        state: lab(tuple(sum(a * b for a, b in zip(row, colour, strict=True)) for row in EYES[eyes]))  # type: ignore[arg-type]  # three rows
        for state, colour in colours(name).items()
    }
    for one, other in combinations(seen, 2):
        distance = sum((a - b) ** 2 for a, b in zip(seen[one], seen[other], strict=True)) ** 0.5
        assert distance > 9, (one, other)
