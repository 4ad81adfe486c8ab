"""Shared memory that leaves nothing behind: files without a name, on Windows mappings that end with their users.

Both sides of a worker use it, so it imports little.
"""

from __future__ import annotations

import errno
import mmap
import os

Address = tuple[int | str, int, bool]  # how a worker finds a segment: descriptor or name, the size, if it is on disk

_DENSE = 1 << 26  # bytes of an arena in a file that takes up its whole size at once
_LARGEST = 1 << 40
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS)  # they are deleted, or closed to us
_PROBE = 1 << 20  # bytes; whether a file of this size is sparse tells about larger ones


class FileSegment:
    """Memory behind a descriptor, which a worker inherits.

    Attributes:
        on_disk: whether it is a file of a disk, which may have no room for a page when that is first touched; memory
            is not to be touched then, since nothing but a signal would tell.
    """

    __slots__ = ("fd", "on_disk", "size")

    def __init__(self, fd: int, size: int = 0, *, on_disk: bool = False) -> None:
        self.fd = fd
        self.on_disk = on_disk
        self.size = size or os.fstat(fd).st_size

    @property
    def address(self) -> Address:
        return self.fd, self.size, self.on_disk

    def map(self) -> mmap.mmap:
        """The bytes; they stay when the segment is closed."""
        return mmap.mmap(self.fd, self.size)

    def write(self, data: memoryview, offset: int) -> int:
        """Store bytes that no page holds yet, and say how many: through the file, so that none is zeroed first."""
        return os.pwrite(self.fd, data, offset)

    def close(self) -> None:
        """Let go of the descriptor."""
        os.close(self.fd)


class NamedSegment:
    """Memory of Windows, which has a random name while anybody holds it."""

    __slots__ = ("_memory", "_name", "size")

    on_disk = False  # all of it is set aside when it is made

    def __init__(self, name: str, size: int) -> None:
        self.size = size
        self._name = name
        self._memory = self.map()

    @property
    def address(self) -> Address:
        return self._name, self.size, False

    def map(self) -> mmap.mmap:
        """The bytes; they stay when the segment is closed."""
        return mmap.mmap(-1, self.size, tagname=self._name)  # type: ignore[call-arg]  # a parameter of Windows

    def write(self, data: memoryview, offset: int) -> int:
        """Store bytes, and say how many."""
        self._memory[offset : offset + data.nbytes] = data
        return data.nbytes

    def close(self) -> None:
        """Let go of the mapping that holds the name."""
        self._memory.close()


def memory_file(label: str, size: int) -> FileSegment:
    """A file of Linux that exists in memory only, of which only touched pages do.

    Raises:
        OSError: the system has none to give.
    """
    return _sized(os.memfd_create(label, os.MFD_CLOEXEC), size)


def memory_arena() -> FileSegment:
    """A memory file as large as the machine's memory."""
    return memory_file("plait-arena", min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), _LARGEST))


def temporary_file(size: int) -> FileSegment:
    """A file of the folder for temporary ones, unlinked as soon as it is made, all of it on the disk.

    Raises:
        OSError: the folder or the disk does not allow it, or has no room.
    """
    found = _sized(_unlinked(), size)
    try:
        done = 0
        while done < size:
            done += os.pwrite(found.fd, bytes(size - done), done)
    except BaseException:
        found.close()
        raise
    return found


def temporary_arena(most: int) -> FileSegment:
    """A temporary file for large buffers: at most `most` bytes and a quarter of the free disk; small unless sparse.

    Raises:
        OSError: the folder or the disk does not allow it.
    """
    fd = _unlinked()
    try:
        os.ftruncate(fd, _PROBE)
        disk = os.statvfs(fd)
        size = min(most, disk.f_bavail * disk.f_frsize // 4)
        if os.fstat(fd).st_blocks * 512 >= _PROBE:
            size = min(size, _DENSE)
    except BaseException:
        os.close(fd)
        raise
    found = _sized(fd, max(_PROBE, size // _PROBE * _PROBE))
    found.on_disk = True
    return found


def open_segment(address: Address) -> FileSegment | NamedSegment:
    """The segment that the driver made, in a worker."""
    place, size, on_disk = address
    if isinstance(place, str):
        return NamedSegment(place, size)
    os.set_inheritable(place, False)
    return FileSegment(place, size, on_disk=on_disk)


def lifted(fd: int) -> int:
    """The same file under a number from 3 up: a worker's standard streams come first, even if they are closed here."""
    low = []
    while fd < 3:
        low.append(fd)
        fd = os.dup(fd)
    for each in low:
        os.close(each)
    return fd


def _sized(fd: int, size: int) -> FileSegment:
    try:
        os.ftruncate(fd, size)
    except BaseException:
        os.close(fd)
        raise
    return FileSegment(fd, size)


def _unlinked() -> int:
    import tempfile  # heavy: only where memory files do not exist

    try:
        fd, path = tempfile.mkstemp(prefix="plait-")
    except OSError as error:
        if error.errno in _NO_FOLDER:
            why = f"no folder takes temporary files, set TMPDIR to one that does: {error}"
            raise OSError(errno.ENOSPC, why) from error
        raise
    os.unlink(path)
    return lifted(fd)
