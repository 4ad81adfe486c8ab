"""Waits for many descriptors at once, by the best means that there are."""

from __future__ import annotations

import select

from plait._engines.hosting import READABLE, WRITABLE, Poll


def poller() -> Poll:
    """``select.poll``, or what stands for it."""
    return select.poll() if hasattr(select, "poll") else SelectPoll()


class SelectPoll:
    """``select.poll`` made of ``select.select``, where there is no other.

    On Windows, which knows only sockets, and where eventlet has replaced what waits for descriptors: its other green
    threads run meanwhile.
    """

    def __init__(self) -> None:
        self._masks: dict[int, int] = {}

    def register(self, fd: int, eventmask: int, /) -> None:
        self._masks[fd] = eventmask

    def unregister(self, fd: int, /) -> None:
        del self._masks[fd]

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Descriptors with what they are ready for, after `timeout` milliseconds at the latest.

        One registered for nothing is ready when its other end has closed, which shows as something to be read.
        """
        readers = [fd for fd, mask in self._masks.items() if mask & READABLE or not mask]
        writers = [fd for fd, mask in self._masks.items() if mask & WRITABLE]
        seconds = None if timeout is None else max(0.0, timeout / 1000)
        readable, writable, _ = select.select(readers, writers, [], seconds)
        return [(fd, READABLE) for fd in readable] + [(fd, WRITABLE) for fd in writable]
