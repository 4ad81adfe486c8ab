"""Large buffers in shared memory: one sparse arena per writer, slots reused while warm, views that free their slot.

Fresh pages cost far more than copying, so a writer hands the slot it got back last to the next buffer of that size, and
a reader maps the whole arena once. A slot lives as long as the views of it: each view stands on a small ctypes object,
whose end puts the slot's offset on a list that travels back to the writer with the next message. The memory has no name
in the file system and goes with the last process that maps it, whatever kills it.
"""

from __future__ import annotations

import _thread
import mmap
import os
from _collections_abc import Callable
from _weakref import ref  # weakref itself brings three modules that workers need not load

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and hosting is the driver's
    from plait._engines.hosting import Segment

THRESHOLD = 32 * 1024  # bytes; below this a buffer is cheaper inside the message
_PAGE = 4096
_KEEP_WARM = 1 << 28  # bytes of free slots that are kept when a run ends


class ArenaFull(MemoryError):
    """No room for a buffer; the sender puts it into the message instead."""


class Arena:
    """The writer's side: places buffers and takes slots back."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._memory = segment.map()
        self._view = memoryview(self._memory)
        self._size = segment.size
        self._top = 0
        self._free: dict[int, list[int]] = {}
        self._live: dict[int, tuple[int, int]] = {}  # offset → slot size, holders
        self._lock = _thread.allocate_lock()
        self._pid = os.getpid()

    def put(self, buffer: memoryview, holders: int = 1) -> int:
        """Copy the bytes of `buffer` into a slot that `holders` receivers will free; its offset.

        Raises:
            ArenaFull: there is no room.
        """
        if self._pid != os.getpid():
            raise ArenaFull("a forked child has no part in its parent's arena")
        length = buffer.nbytes
        offset, fresh = self._allocate(length, holders)
        try:
            if fresh or self._segment.on_disk:
                self._write(buffer, offset)
            else:
                self._view[offset : offset + length] = buffer
        except OSError as error:
            self._live[offset] = (self._live[offset][0], 1)
            self.free(offset)
            raise ArenaFull(str(error)) from error
        return offset

    def _write(self, buffer: memoryview, offset: int) -> None:
        """Through the file: the kernel then neither zeroes nor faults the pages one by one."""
        done, length = 0, buffer.nbytes
        while done < length:
            done += self._segment.write(buffer[done : done + (1 << 30)], offset + done)

    def share(self, offset: int) -> None:
        """One more receiver will free the slot."""
        with self._lock:
            size, holders = self._live[offset]
            self._live[offset] = (size, holders + 1)

    def free(self, offset: int) -> None:
        """One holder of the slot is done with it."""
        if self._pid != os.getpid():
            return  # and its lock may have been held when the child was forked
        with self._lock:
            size, holders = self._live[offset]
            if holders > 1:
                self._live[offset] = (size, holders - 1)
                return
            del self._live[offset]
            self._free.setdefault(size, []).append(offset)

    def trim(self) -> None:
        """Give the pages of free slots beyond those that are kept warm back to the system."""
        if self._pid != os.getpid():
            return
        with self._lock:
            keep = _KEEP_WARM
            for size, offsets in self._free.items():
                for offset in offsets:
                    keep -= size
                    if keep < 0 and not _remove(self._memory, offset, size):
                        return

    def close(self) -> None:
        """Unmap; the memory goes when the readers have unmapped it too."""
        self._view.release()
        self._memory.close()
        self._segment.close()

    def _allocate(self, length: int, holders: int) -> tuple[int, bool]:
        size = _slot_size(length)
        with self._lock:
            free = self._free.get(size)
            if free:
                offset, fresh = free.pop(), False
            else:
                offset, fresh = self._top, True
                if offset + size > self._size:
                    raise ArenaFull(f"{length} bytes do not fit: {self._size - offset} of {self._size} are left")
                self._top += size
            self._live[offset] = (size, holders)
        return offset, fresh


class Window:
    """The reader's side: views of slots in somebody else's arena, each of which frees its slot when it goes.

    `freed` is called with the offset, from whichever thread drops the last view.
    """

    def __init__(self, segment: Segment, freed: Callable[[int], None], *, writable: bool) -> None:
        import ctypes  # here and not above: most workers never see a large buffer

        self._char = ctypes.c_char
        self._memory = segment.map()
        self._writable = writable
        self._watched: dict[int, ref[object]] = {}
        self._freed = freed
        self._alone = False
        self._pid = os.getpid()

    def view(self, offset: int, length: int) -> memoryview:
        """The bytes of a slot; read-only unless the window is writable."""
        exporter = (self._char * length).from_buffer(self._memory, offset)
        exporter.window = self  # type: ignore[attr-defined]  # views keep the window, and so its callbacks, alive
        self._watched[offset] = ref(exporter, _Farewell(self, offset, length))
        view = memoryview(exporter).cast("B")
        return view if self._writable else view.toreadonly()

    def abandon(self) -> None:
        """The writer is gone: from now on a slot whose views end goes back to the system at once."""
        self._alone = True

    def gone(self, offset: int, length: int) -> None:
        """The last view of a slot has ended."""
        self._watched.pop(offset, None)
        if self._pid != os.getpid():
            return  # a forked child's copy of the view: the slot is the parent's
        if not self._alone:
            self._freed(offset)
            return
        _remove(self._memory, offset, _slot_size(length))


class _Farewell:
    """The callback at the end of a slot's last view."""

    __slots__ = ("length", "offset", "window")

    def __init__(self, window: Window, offset: int, length: int) -> None:
        self.window = window
        self.offset = offset
        self.length = length

    def __call__(self, _: object) -> None:
        self.window.gone(self.offset, self.length)


def _remove(memory: mmap.mmap, offset: int, size: int) -> bool:
    """Give pages back to the system; False where it, or the file system, does not take them."""
    advice = getattr(mmap, "MADV_REMOVE", None)
    if advice is None:
        return False
    try:
        memory.madvise(advice, offset, size)
    except OSError:
        return False
    return True


def _slot_size(length: int) -> int:
    """Eight sizes per octave, so a slot wastes an eighth at most and is soon reused."""
    length = max(length, _PAGE)
    step = max(_PAGE, 1 << (length.bit_length() - 4))
    return -(-length // step) * step
