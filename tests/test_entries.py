"""Entries of a worker's log: whatever stands on it comes back as it was, in one pickle."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait._engines import entries

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # others run beside it
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 33), 1 << 33),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
)


pairs = st.tuples(plain, plain) | st.tuples(plain, plain, plain)


def _log(values: list[object]) -> bytes:
    return b"".join(entries.FLAT[type(value)](value) for value in values)


@unhurried
@given(st.lists(plain | pairs))
def test_plain_values_stand_for_themselves_and_so_do_two_or_three_of_them(values: list[object]) -> None:
    assert repr(entries.read(_log(values))) == repr(values)


@unhurried
@given(st.lists(st.builds(object) | st.lists(plain), min_size=1, max_size=3), st.lists(plain, max_size=5))
def test_nothing_else_does(others: list[object], values: list[object]) -> None:
    for value in (*others, tuple(others), (1, *others), (*values, 1, 2, 3, 4), (), (1,), ((1, 2), 3)):
        assert entries.FLAT[type(value)](value) == b""


@unhurried
@given(st.lists(st.tuples(plain, st.integers(0, 1 << 62))))
def test_times_stand_between_the_values(pairs: list[tuple[object, int]]) -> None:
    log = b"".join(entries.timed(_log([value]), spent) for value, spent in pairs)
    found = entries.read(log)
    assert found[1::2] == [spent for _, spent in pairs]
    assert list(map(repr, found[::2])) == [repr(value) for value, _ in pairs]


@unhurried
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
        assert entries.FLAT[type(value)](value) == b""
        assert entries.FLAT[tuple]((1, value)) == entries.FLAT[tuple]((value, 1, 2)) == b""
