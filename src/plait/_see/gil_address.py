"""Where the GIL of this process is, found out by watching a thread wait for it.

A thread that waits for the GIL sits in `futex` on the condition variable of CPython's ``_gil_runtime_state``:
``interval, last_holder, locked, switch_number, cond``. How far before the word the holder is depends on the C library,
so it is looked for, by what is true at that moment: we hold the GIL. Where it is not found, only the waiting is known.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import struct
import time
from types import BuiltinFunctionType
from typing import NamedTuple

from plait._core.gil import has_gil

_SECONDS = 1.0
_LOOKS = 5  # while the note of the holder is not near what a thread waits for: it may be what hands over the GIL
_FARTHEST = 128  # bytes that the note of the holder may lie before the word
_STATE_BYTES = 1024  # of a PyThreadState in which its thread's number is looked for


class GilAddress(NamedTuple):
    """The word that waiters for the GIL sleep on, from where the binary is loaded, and where its holder is noted.

    Attributes:
        file: the binary; the same one may be loaded elsewhere in another process.
        offset: of the word, in bytes from there.
        holder: of the note of who has the GIL; None where that could not be confirmed.
        native: of the system's number of a thread, in bytes from its PyThreadState.
    """

    file: str
    offset: int
    holder: int | None
    native: int


def find_gil(futex: int) -> GilAddress | None:
    """Where it is; None without a GIL, and where threads do not wait for it in the way we know, as under `check`.

    Args:
        futex: the number of the system call on this machine.
    """
    if not has_gil() or not isinstance(_thread.start_new_thread, BuiltinFunctionType):
        return None
    holder, native, word = None, 0, 0
    for _ in range(_LOOKS):
        waited_for = _waited_for(futex)
        if waited_for is None:
            return None
        word = waited_for
        holder, native = _holder_near(word) or (None, 0)
        if holder is not None:
            break
    start, file = _mapping(word)
    if not file.startswith("/"):
        return None
    return GilAddress(file, word - start, None if holder is None else holder - start, native)


def _waited_for(futex: int) -> int | None:
    """The address that a thread sleeps on while we compute; the calls in between keep the GIL."""
    libc = ctypes.PyDLL(None)
    buffer = ctypes.create_string_buffer(64)
    threads: list[int] = []
    ended = _thread.allocate_lock()
    ended.acquire()
    stop: list[bool] = []

    def spin() -> None:
        threads.append(_thread.get_native_id())
        while not stop:
            pass
        ended.release()

    _thread.start_new_thread(spin, ())
    deadline = time.perf_counter() + _SECONDS
    try:
        while not threads:
            time.sleep(0.0001)
        fd = os.open(f"/proc/self/task/{threads[0]}/syscall", os.O_RDONLY)
        try:
            prefix = f"{futex} ".encode()
            while time.perf_counter() < deadline:
                length = libc.pread(fd, buffer, 63, ctypes.c_long(0))
                line = buffer.raw[: max(length, 0)]
                if line.startswith(prefix):
                    return int(line.split()[1], 16)
            return None
        finally:
            os.close(fd)
    finally:
        stop.append(True)
        ended.acquire()


def _mapping(address: int) -> tuple[int, str]:
    """Where the binary is loaded that has this address, and its file; data follow it without a name of their own."""
    start, file, last = 0, "", 0
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            span, _, _, _, _, *name = line.split(maxsplit=5)
            low, high = (int(word, 16) for word in span.split("-"))
            path = name[0].strip() if name else ""
            if path and path != file:
                start, file = low, path
            elif not path and low != last:
                file = ""
            last = high
            if low <= address < high:
                return start, file
    return 0, ""


def _holder_near(word: int) -> tuple[int, int] | None:
    """Where the GIL notes its holder, and where in a PyThreadState the system's number of the thread is."""
    get = ctypes.pythonapi.PyThreadState_Get
    get.restype = ctypes.c_void_p
    ours = get()
    lowest = (word & ~7) - _FARTHEST
    try:
        memory = os.open("/proc/self/mem", os.O_RDONLY)
    except OSError:
        return None
    try:
        pread = ctypes.PyDLL(None).pread  # keeps the GIL, so that the note says us
        notes = ctypes.create_string_buffer(_FARTHEST)
        if pread(memory, notes, _FARTHEST, ctypes.c_long(lowest)) != _FARTHEST:
            return None
        at = notes.raw.find(struct.pack("<Qi", ours, 1))
        state = os.pread(memory, _STATE_BYTES, ours)
    except OSError:
        return None
    finally:
        os.close(memory)
    native = state.find(struct.pack("<QQ", _thread.get_ident(), _thread.get_native_id()))
    return (lowest + at, native + 8) if at >= 0 <= native else None
