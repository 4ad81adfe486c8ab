"""What travels between this process and its workers while a trace is recorded: bytes, and the time they take here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from plait._engines import parting, remote_run
from plait._engines.pickling.codec import Packed
from plait._engines.returns import Returned
from plait._see.replaced import Replaced

_RUN: Any = remote_run
_PARTING: Any = parting


class Sums(NamedTuple):
    """Of all workers: batches, bytes and seconds of pickling here, bytes and seconds of unpickling here."""

    batches: int = 0
    sent_bytes: int = 0
    sent_seconds: float = 0.0
    read_bytes: int = 0
    read_seconds: float = 0.0


class TransferRecorder:
    """Adds up between `install` and `remove`; batches are packed and read by one thread of each run."""

    def __init__(self) -> None:
        self._sent: list[tuple[int, float]] = []
        self._read: list[tuple[int, float]] = []
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin."""
        read = self._timed(_PARTING.read_result, self._read, _read_bytes)
        self._replaced.put(_RUN, "pack_items", self._timed(_RUN.pack_items, self._sent, _packed_bytes))
        self._replaced.put(_RUN, "read_result", read)
        self._replaced.put(_PARTING, "read_result", read)

    def remove(self) -> None:
        """End."""
        self._replaced.put_back()

    def sums(self) -> Sums:
        """What has been added up."""
        sent, read = self._sent, self._read
        return Sums(
            len(sent), sum(one[0] for one in sent), sum(one[1] for one in sent),
            sum(one[0] for one in read), sum(one[1] for one in read),
        )  # fmt: skip

    @staticmethod
    def _timed(call: Callable[..., Any], into: list[tuple[int, float]], size: Callable[[Any], int]) -> Any:
        def timed(*args: Any) -> Any:
            began = time.perf_counter()
            found = call(*args)
            into.append((size(found), time.perf_counter() - began))
            return found

        return timed


def _packed_bytes(packed: Packed) -> int:
    return len(packed.data) + sum(length for _, length in packed.refs)


def _read_bytes(returned: Returned) -> int:
    return returned.length
