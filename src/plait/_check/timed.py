"""Calls that wait for files until a time is over: they are made in turns, so that virtual time can end them, too."""

from __future__ import annotations

import select
import selectors
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from plait._check.system_calls import Wait, watched

TURN = 0.002  # seconds of real time between two looks at the clock of the program
_KINDS = "SelectSelector PollSelector EpollSelector DevpollSelector KqueueSelector".split()
REAL_SELECTS: Final = {kind: kind.select for name in _KINDS if (kind := getattr(selectors, name, None)) is not None}
"""What really selects, by the class of the selector."""
_real_select = select.select
_READS, _WRITES = (
    "accept recv recv_into recvfrom recvfrom_into recvmsg".split(),
    "send sendto sendmsg".split(),
)  # sendall has one time for all of it


class Timed(NamedTuple):
    """A call that waits for files, for so many seconds at most.

    Attributes:
        seconds: how long.
        files: says what it waits for.
        is_ready: whether the wait is over; it takes a turn to see that it is not.
        call: the call, which does not wait by then.
        late: what it does when the time is over.
    """

    seconds: float
    files: Callable[[], Sequence[Wait]]
    is_ready: Callable[[], object]
    call: Callable[[], Any]
    late: Callable[[], Any]


def timed_wait(real: Callable[..., Any], *args: Any, **options: Any) -> Timed | None:
    """What a call is that would block; None where no time ends it, or the call is of another kind."""
    source = args[0] if args else None
    if isinstance(source, socket.socket):
        return _of_socket(real, source, args, options)
    if isinstance(source, selectors.BaseSelector):
        seconds = options.get("timeout", args[1] if len(args) > 1 else None)
        call = partial(real, source, 0)
        return seconds and Timed(seconds, partial(watched, source), partial(real, source, TURN), call, call)
    if real is _real_select and len(args) > 3 and args[3] is not None:
        call = partial(real, *args[:3], 0)
        turn = partial(real, *args[:3], TURN)
        return Timed(args[3], partial(_selected, *args[:3]), lambda: any(turn()), call, call)
    return None


def select_now(selector: selectors.BaseSelector, seconds: float) -> Any:
    """As `selector.select`, which is no step."""
    kind = next((one for one in type(selector).__mro__ if one in REAL_SELECTS), None)
    return selector.select(seconds) if kind is None else REAL_SELECTS[kind](selector, seconds)


def _of_socket(real: Callable[..., Any], sock: socket.socket, args: Any, options: Any) -> Timed | None:
    seconds, name = sock.gettimeout(), real.__name__
    if not seconds or name not in (*_READS, *_WRITES) or not hasattr(select, "poll"):
        return None
    wait = Wait(sock.fileno(), select.POLLIN if name in _READS else select.POLLOUT)

    def is_ready() -> bool:
        asked = select.poll()
        asked.register(sock.fileno(), wait.events)
        return bool(asked.poll(TURN * 1000))

    return Timed(seconds, lambda: [wait], is_ready, partial(real, *args, **options), _late)


def _late() -> None:
    raise TimeoutError("timed out")


def _selected(read: Sequence[Any], write: Sequence[Any], error: Sequence[Any]) -> list[Wait]:
    asked = (select.POLLIN, read), (select.POLLOUT, write), (select.POLLPRI, error)
    return [Wait(one if isinstance(one, int) else one.fileno(), events) for events, some in asked for one in some]
