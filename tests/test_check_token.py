"""Tokens: short, whole or refused, and clear about the switch at which they no longer apply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait._check.record import Switch
from plait._check.token import decode, encode, stale
from plait.errors import UsageError

SWITCHES = (Switch(0, 2, 1, "join test:join#1"), Switch(1, 4, 2, "write Counter.bump:self.value#2"))

number = st.integers(0, 2000)
switches = st.lists(st.builds(Switch, number, number, number, st.text(max_size=30)), max_size=12).map(tuple)


@given(switches)
def test_what_goes_in_comes_out(given_switches: tuple[Switch, ...]) -> None:
    token = encode(given_switches)
    assert decode(token) == given_switches
    assert token.isascii()
    assert not set(token) & set(" '\"\\$&;|<>")


def test_it_is_short() -> None:
    assert len(encode(SWITCHES)) < 80


@given(st.integers(1, 60), st.characters(codec="ascii", categories=("L", "N")))
def test_a_changed_letter_is_noticed(at: int, letter: str) -> None:
    token = encode(SWITCHES)
    changed = token[: at % len(token)] + letter + token[at % len(token) + 1 :]
    if changed == token:
        return
    try:
        assert decode(changed) == SWITCHES  # base64 ignores bits of the last letter
    except UsageError as error:
        assert "token" in str(error)


@pytest.mark.parametrize("token", ["", "hello", "2abc", "1", "1abc", "1" + "A" * 40, encode(SWITCHES)[:-4]])
def test_what_is_no_token_says_what_to_do(token: str) -> None:
    with pytest.raises(UsageError, match="copy all of it|run the check again"):
        decode(token)


def test_blanks_around_it_do_no_harm() -> None:
    assert decode(f"  {encode(SWITCHES)}\n") == SWITCHES


def test_it_says_at_which_switch_it_no_longer_applies() -> None:
    assert stale(SWITCHES, 2) == ""
    assert stale(SWITCHES, 1) == (
        "the token no longer applies: at switch 2 of 2 thread 1 should have come to `write Counter.bump:self.value` for "
        "the 2nd time and given way to thread 2, but did not; the program has changed there"
    )
