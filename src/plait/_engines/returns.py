"""Reads what a worker has finished: from its RESULT frames, and from its board after it died."""

from __future__ import annotations

import math
import signal
import time
from _pickle import loads

from plait._core.errors import NotTransferable
from plait._core.notes import text_of
from plait._engines import board as boards
from plait._engines import entries, wire
from plait._engines.flight import Flight
from plait._engines.pickling.codec import decode
from plait._engines.remote import rebuild
from plait._engines.remote_worker import RemoteWorker

_LOGGED = (boards.TRACKED, boards.IDLE, boards.SENDING, boards.ENDING)  # modes in which the log is the batch's


CUT_OFF = -3  # the status of a process that had closed its link and had to be killed
FELL_OVER = -2  # the status of a worker that ended by an error of its own; a process has none like it


class Returned:
    """Values and failures of the first items of a flight, how long they took until when, their `length` in bytes."""

    __slots__ = ("ended", "ends", "failures", "length", "seconds", "unreadable", "values")

    def __init__(self) -> None:
        self.values: list[object] = []
        self.failures: dict[int, BaseException] = {}
        self.ends: list[float] = []  # seconds after the batch began, one per item, when items were timed
        self.seconds = 0.0
        self.ended = math.inf  # by the worker's clock of performance, which all processes of a machine share
        self.length = 0
        self.unreadable: BaseException | None = None


def read_result(worker: RemoteWorker, flight: Flight, payload: memoryview) -> Returned:
    """What a RESULT frame says about the flight."""
    kind, last, began, spent, length = wire.RESULT_HEAD.unpack_from(payload)
    data = payload[wire.RESULT_HEAD.size :]
    found = Returned()
    found.seconds, found.ended = spent * 1e-9, (began + spent) * 1e-9
    if kind == wire.UNREADABLE:
        found.unreadable = rebuild(loads(data))
    elif kind == wire.LOGGED:
        _read_log(worker, flight, length, found)
        if last != 255:
            found.length += data.nbytes
            _read_entry(worker, last, data, found)
            found.ends.append(found.seconds)
    else:
        if kind == wire.ON_BOARD:
            data = worker.board.results(flight.key, length)
        elif kind == wire.IN_ARENA:
            data = worker.window().view(loads(data), length)
        _read_whole(worker, data, found)
    return found


def read_remains(worker: RemoteWorker, flight: Flight) -> Returned:
    """What a dead worker had put on its board of the batch it was running."""
    found = Returned()
    words = worker.board.words
    if words[boards.BATCH] == flight.key and words[boards.MODE] in _LOGGED:
        _read_log(worker, flight, words[boards.LOGGED], found)
        found.seconds = found.ends[-1] if found.ends else time.perf_counter() - flight.sent
    return found


def culprit(worker: RemoteWorker, flight: Flight, returned: Returned) -> int | None:
    """The offset of the item that was running when the worker died, or None when none was, or nobody knows.

    In a batch that ran FAST nobody does: it is run again, TRACKED, and an item that kills its worker does so again.
    An item that was taken back from the worker is with somebody else, whatever the board says.
    """
    words = worker.board.words
    if words[boards.BATCH] != flight.key:
        return None
    offset = words[boards.CURRENT] - flight.first
    mode = words[boards.MODE]
    if mode in (boards.TRACKED, boards.SENDING):
        return offset if offset == len(returned.values) < flight.count else None
    if mode == boards.CLAMPED:
        return offset if 0 <= offset < flight.count else None
    if mode == boards.READING and flight.count == len(flight.batch.items) == 1:
        return 0
    return None


def blamed(worker: RemoteWorker, flight: Flight, returned: Returned) -> int | None:
    """The offset of the item that a worker was ended for; what it returned of it, and later, came too late."""
    offset = worker.doomed_at - flight.first
    if not 0 <= offset < len(flight.batch.items):
        return None
    del returned.values[offset:], returned.ends[offset:]
    returned.failures = {k: failure for k, failure in returned.failures.items() if k < offset}
    return offset


def died_reading(worker: RemoteWorker, flight: Flight) -> bool:
    """Whether the worker was unpickling the items of the flight when it died."""
    words = worker.board.words
    return words[boards.BATCH] == flight.key and words[boards.MODE] == boards.READING


def _read_log(worker: RemoteWorker, flight: Flight, length: int, found: Returned) -> None:
    found.length = length
    results = entries.read(worker.board.results(flight.key, length))
    if flight.timed:
        found.ends = [spent * 1e-9 for spent in results[1::2]]
        results = results[::2]
    if bytearray not in map(type, results):
        found.values = results
        return
    values = found.values
    for result in results:
        if type(result) is bytearray:
            _read_entry(worker, result[-1], result, found)
        else:
            values.append(result)


def read_whole(data: bytes) -> Returned:
    """What `Packer.whole` has made, in a worker without memory that is shared with this process."""
    found = Returned()
    _read_whole(None, memoryview(data), found)
    return found


def _read_whole(worker: RemoteWorker | None, data: memoryview, found: Returned) -> None:
    found.length += data.nbytes
    found.values, failures, stored = loads(data)
    for offset, failure in failures.items():
        found.failures[offset] = rebuild(failure)
    for offset, (kind, entry) in stored.items():
        single = Returned()
        _read_entry(worker, kind, entry, single)
        found.length += single.length
        found.values[offset] = single.values[0]
        if single.failures:
            found.failures[offset] = single.failures[0]


def _read_entry(worker: RemoteWorker | None, kind: int, data: bytes | bytearray | memoryview, found: Returned) -> None:
    value: object = None
    try:
        if kind == entries.VALUE:
            value = loads(data)
        elif kind == entries.PLAIN:
            value = entries.read(data)[0]
        elif kind == entries.FAILURE:
            found.failures[len(found.values)] = rebuild(loads(data))
        else:
            refs, stored, rest = loads(data)
            found.length += sum(length for _, length in refs)
            value = decode(rest, refs, stored, None if worker is None else worker.window())
    except Exception as error:  # a result's own __setstate__, or a class that is missing here
        failure = NotTransferable(
            f"the result was computed but could not be unpickled here: {type(error).__name__}: {text_of(error)}"
        )
        failure.__cause__ = error
        found.failures[len(found.values)] = failure
    found.values.append(value)


def cause_of_death(status: int | None, killed_out_of_memory: bool) -> tuple[str, int | None, int | None]:
    """How a process ended in words, its signal, its exit code."""
    if status is None:
        return "its exit status is not known", None, None
    if status == CUT_OFF:
        return "it lived on without its link to this program, which something like os.closerange() cut; killed", 9, None
    if status == FELL_OVER:
        return "an error that was not the function's ended it", None, None
    number = status & 0x7F
    if number == 0:
        code = status >> 8
        if code in _WINDOWS_CAUSES:
            return f"exit code {code:#x}: {_WINDOWS_CAUSES[code]}", None, code
        return f"it left with exit code {code}, as after os._exit({code})", None, code
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if name == "SIGKILL":
        why = (
            "the system killed it because memory ran out"
            if killed_out_of_memory
            else "somebody killed it; the system does so too when memory runs out"
        )
    else:
        why = _SIGNAL_CAUSES.get(name, "it ended by a signal")
    return f"{name}: {why}", number, None


_SIGNAL_CAUSES = {
    "SIGSEGV": "a segmentation fault in native code, or the stack overflowed",
    "SIGABRT": "native code called abort()",
    "SIGBUS": "a bus error: memory or a mapped file ran out",
    "SIGFPE": "an arithmetic error in native code",
    "SIGILL": "native code used an instruction this processor lacks",
    "SIGTERM": "somebody asked it to end",
}

# Where there are no signals, a crash is an exit code: NTSTATUS values of Windows.
_WINDOWS_CAUSES = {
    0xC0000005: "an access violation in native code",
    0xC000001D: "native code used an instruction this processor lacks",
    0xC0000094: "an integer division by zero in native code",
    0xC00000FD: "the stack overflowed",
    0xC0000374: "native code damaged the heap",
    0xC0000409: "native code stopped itself, as after abort()",
    0xC000013A: "somebody pressed Ctrl-C or closed the console",
    0xC0000017: "memory ran out",
}
