"""GNU parallel's --halt as a table."""

from __future__ import annotations

import pytest

from plait._cli.halt import Halt


@pytest.mark.parametrize(
    ("text", "done", "failed", "total", "reached"),
    [
        ("now,fail=1", 5, 0, None, False),
        ("now,fail=1", 5, 1, None, True),
        ("soon,fail=3", 9, 2, None, False),
        ("soon,fail=3", 9, 3, None, True),
        ("now,success=2", 3, 2, None, False),
        ("now,success=2", 4, 2, None, True),
        ("soon,done=4", 3, 3, None, False),
        ("soon,done=4", 4, 0, None, True),
        ("now,fail=50%", 2, 2, None, False),
        ("now,fail=50%", 2, 2, 2, True),
        ("now,fail=50%", 3, 1, None, False),
        ("now,fail=50%", 4, 2, None, True),
        ("now,fail=1%", 100, 0, None, False),
        ("now,success=100%", 4, 0, None, True),
        ("now,done=50%", 5, 0, 10, True),
        ("now,done=50%", 4, 0, 10, False),
        ("now,done=50%", 400, 0, None, False),
    ],
)
def test_when_it_is_reached(text, done, failed, total, reached):
    halt = Halt.parse(text)
    assert halt is not None
    assert halt.reached(done=done, failed=failed, total=total) is reached


@pytest.mark.parametrize(("text", "now"), [("now,fail=1", True), ("soon,fail=1", False), (" now,fail=1 ", True)])
def test_now_and_soon(text, now):
    halt = Halt.parse(text)
    assert halt is not None
    assert halt.now is now


@pytest.mark.parametrize("text", ["never", "0"])
def test_never(text):
    assert Halt.parse(text) is None


@pytest.mark.parametrize(
    "text", ["", "now", "fail=1", "later,fail=1", "now,fail=0", "now,fail=101%", "now,fail=-1", "now,fails=1"]
)
def test_anything_else_is_refused_with_the_grammar(text):
    with pytest.raises(ValueError, match="expected"):
        Halt.parse(text)
