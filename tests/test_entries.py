"""Entries of a worker's log: whatever stands on it comes back as it was, in one pickle."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from plait._engines import entries

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 33), 1 << 33),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
)


def _log(values: list[object]) -> bytes:
    return b"".join(entries.OPCODES[type(value)](value) for value in values)


@given(st.lists(plain))
def test_plain_values_stand_for_themselves(values: list[object]) -> None:
    found = entries.read(_log(values))
    assert list(map(type, found)) == list(map(type, values))
    for one, other in zip(found, values, strict=True):
        assert one == other or (math.isnan(one) and math.isnan(other))


@given(st.lists(st.tuples(plain, st.integers(0, 1 << 62))))
def test_times_stand_between_the_values(pairs: list[tuple[object, int]]) -> None:
    log = b"".join(entries.timed(_log([value]), spent) for value, spent in pairs)
    found = entries.read(log)
    assert found[1::2] == [spent for _, spent in pairs]
    assert list(map(repr, found[::2])) == [repr(value) for value, _ in pairs]


@given(st.lists(st.one_of(plain, st.tuples(st.integers(1, 3), st.binary()))))
def test_what_is_wrapped_is_told_from_what_is_plain(mixed: list[object]) -> None:
    log = b"".join(entries.wrapped(*one) if isinstance(one, tuple) else _log([one]) for one in mixed)
    for one, found in zip(mixed, entries.read(log), strict=True):
        if isinstance(one, tuple):
            assert (found[-1], found[:-1]) == one
            assert type(found) is bytearray
        else:
            assert type(found) is type(one)


def test_what_is_too_large_for_a_log_is_not_copied_into_one() -> None:
    for value in ("x" * entries.LIMIT, b"x" * entries.LIMIT, 1 << (8 * entries.LIMIT)):
        assert len(entries.OPCODES[type(value)](value)) >= entries.LIMIT
