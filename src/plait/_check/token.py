"""A short text that replays a failing execution: its switches, by function and text, so that it outlives edits.

A token is ``1`` (its version) and base64 of four bytes of checksum and the compressed switches. There is no seed in it:
it says which thread gives way to which, where and for the how many-th time, in the words of `event.label`. So an edit
of another function, a line more above, or another Python keep it good; an edit of the lines in question does not, and
then `stale` says at which switch.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence

from plait._check.record import Switch
from plait._core.errors import UsageError

_VERSION = "1"
# What labels are made of; it may only change together with the version.
_WORDS = (
    b".<locals>.<lambda>:__enter__:__exit__<module>:self.value:count:total:balance:lock.Counter.increment"
    b'Account.withdraw:test_worker.<locals>.work.run:put:get:append:[]#3"],["end"],["sleep #2"],["pause '
    b'"],'
    b'["join #1"],["start #1"],["enter #1"],["release #1"],["try #1"],["acquire #1"],["write #1"],["read #1"],[0,1,2,'
)


def encode(switches: Sequence[Switch]) -> str:
    """The token for these switches; the fewer they are the shorter it is.

    >>> decode(encode([Switch(1, 4, 2, "write Counter.bump:value#1")]))
    (Switch(thread=1, step=4, to=2, label='write Counter.bump:value#1'),)
    """
    rows = [[switch.thread, switch.step, switch.to, switch.label] for switch in switches]
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=_WORDS)
    packed = packer.compress(text) + packer.flush()
    summed = binascii.crc32(text).to_bytes(4, "big")
    return _VERSION + base64.urlsafe_b64encode(summed + packed).decode().rstrip("=")


def decode(token: str) -> tuple[Switch, ...]:
    """The switches of a token.

    Raises:
        UsageError: when it is not whole, or of a version that this plait does not know.
    """
    text = token.strip()
    if not text.startswith(_VERSION):
        raise UsageError(
            f"the token {_short(text)} is not of version {_VERSION}, the one that this plait writes and reads; "
            "replay it with the plait that printed it, or run the check again for a new one"
        )
    try:
        raw = base64.urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
        unpacker = zlib.decompressobj(-15, zdict=_WORDS)
        rows = unpacker.decompress(raw[4:]) + unpacker.flush()
        if binascii.crc32(rows).to_bytes(4, "big") != raw[:4]:
            raise ValueError("checksum")
        return tuple(Switch(int(who), int(step), int(to), str(words)) for who, step, to, words in json.loads(rows))
    except (ValueError, TypeError, zlib.error) as error:
        raise UsageError(
            f"the token {_short(text)} is damaged ({error}); copy all of it, from the {_VERSION} to the end of the line"
        ) from error


def stale(switches: Sequence[Switch], applied: int) -> str:
    """Why a token does not apply any more when only the first `applied` of its switches did; "" if all did."""
    if applied >= len(switches):
        return ""
    switch = switches[applied]
    words, _, times = switch.label.partition("#")
    again = f" for the {_ordinal(int(times))} time" if times.isdigit() and times != "1" else ""
    return (
        f"the token no longer applies: at switch {applied + 1} of {len(switches)} thread {switch.thread} should "
        f"have come to `{words}`{again} and given way to thread {switch.to}, but did not; the program has changed there"
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 24 else f"{text[:20]}…")


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
