"""Who has the other end of the pipe, socket or locked file that a thread waits for, as the system tells. Linux only."""

from __future__ import annotations

import os
import platform
import select
import struct

from plait._core.connections import LISTENS, NOBODY, OPEN, Connection, connections
from plait._core.file_locks import FileLock, file_locks, file_of
from plait._core.processes import descends, descriptors, has_end, link_of, links_of, parent, processes, text_of
from plait._see.sampler.calls import calls_of
from plait._see.why.dump import OtherEnd
from plait._see.why.proc import children, waits_in

_LOCKS = ("locks_lock", "flock_lock", "posix_lock", "fcntl_setlk", "do_lock_file")
_SOCKETS = (
    "__skb_wait",
    "sk_wait",
    "sk_stream",
    "sock_alloc_send",
    "wait_woken",
    "n_tty_read",
    "unix_stream",
    "inet_csk_accept",
)
_POLLS = ("do_sys_poll", "do_poll", "poll_schedule_timeout")
_ENTRY = struct.Struct("=ihh")  # of what is polled: descriptor, events asked for, events that came
_MANY = 8  # of them that are looked at
_STANDARD = (0, 1, 2)  # descriptors of input and output


def other_end(pid: int, thread: int, where: str) -> OtherEnd | None:
    """What a thread waits for that is in this function of the kernel; None when the system does not tell."""
    if "pipe_" in where:
        return _pipe(pid, _descriptor(pid, thread), reads="pipe_read" in where)
    if where.startswith(_POLLS):
        return _polled(pid, thread)
    if where.startswith(_SOCKETS):
        return _socket(pid, thread)
    if where.startswith(_LOCKS):
        return _file(pid, thread)
    return _database(pid) if where.startswith("hrtimer") else None


def listens_at(pid: int) -> tuple[str, ...]:
    """The addresses at which a process takes connections."""
    rows = [row for row in connections(pid) if row.state == LISTENS]
    links = links_of(pid) if rows else set()
    return tuple(dict.fromkeys(str(row.local) for row in rows if f"socket:[{row.inode}]" in links))


def ends_of_children(pid: int) -> dict[int, OtherEnd]:
    """The other ends of what the children of a process wait for."""
    found = {child: other_end(child, child, waits_in(child, child)) for child, _ in children(pid)}
    return {child: end for child, end in found.items() if end is not None}


def _pipe(pid: int, number: int, reads: bool) -> OtherEnd | None:
    link = link_of(pid, number)
    if not link.startswith("pipe:"):
        return None
    family = {pid, parent(pid), *(child for child, _ in children(pid))}
    if number in _STANDARD:  # others of a pipeline; who has our parent because its own has ended is a stranger
        family |= {child for child, _ in children(parent(pid))}
    others = [one for one in sorted(family) if has_end(one, link, writes=reads)]
    strangers = not others  # as those are that a child has started which has ended
    if strangers:
        others = [one for one in processes() if has_end(one, link, writes=reads)]
        strangers = bool(others) and not any(descends(one, pid) for one in others)  # none: it is just being closed
    inputs = tuple(one for one in others if not reads and link_of(one, 0) == link)
    return OtherEnd("pipe", str(number), tuple(others), inputs=inputs, strangers=strangers)


def _polled(pid: int, thread: int) -> OtherEnd | None:
    """The first pipe of the files that a thread waits for together, where its memory may be read."""
    words = text_of(f"/proc/{pid}/task/{thread}/syscall").split()
    known = calls_of(platform.machine())
    if known is None or len(words) < 3 or not words[0].isdigit() or int(words[0]) not in known.polls:
        return None
    many = min(int(words[2], 16), _MANY)
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            entries = os.pread(memory.fileno(), many * _ENTRY.size, int(words[1], 16))
    except OSError:
        return None
    for number, events, _ in _ENTRY.iter_unpack(entries[: len(entries) // _ENTRY.size * _ENTRY.size]):
        end = _pipe(pid, number, reads=True) if events & select.POLLIN else None
        if end is not None:
            return end._replace(kind="polled pipe")
    return None


def _socket(pid: int, thread: int) -> OtherEnd:
    number = _descriptor(pid, thread)
    link = link_of(pid, number)
    if link.startswith("/dev/"):
        return OtherEnd("terminal", str(number))
    rows = [*connections(pid)]
    mine = next((row for row in rows if row.inode == link[8:-1]), None)
    if mine is None or not mine.remote.port:
        return OtherEnd("socket", "")
    theirs = [row for row in rows if (row.local, row.remote) == (mine.remote, mine.local)]
    queued = [(row.state, row.inode) for row in theirs] == [(OPEN, NOBODY)]
    if queued:
        theirs = [row for row in rows if row.state == LISTENS and row.local.port == mine.remote.port]
    return OtherEnd("socket", str(mine.remote), _owners(pid, theirs), not queued)


def _owners(pid: int, sockets: list[Connection]) -> tuple[int, ...]:
    """The processes that have one of the sockets open, as far as this user may know: the given one first."""
    links = {f"socket:[{one.inode}]" for one in sockets if one.inode != NOBODY}
    others = processes() if links else []
    return tuple(one for one in dict.fromkeys((pid, *others)) if not links.isdisjoint(links_of(one)))


def _file(pid: int, thread: int) -> OtherEnd | None:
    number = _descriptor(pid, thread)
    path = link_of(pid, number)
    return OtherEnd("file", path, _lockers(f"/proc/{pid}/fd/{number}", file_locks())) if path else None


def _database(pid: int) -> OtherEnd | None:
    """A file that this process has open and somebody has locked: who is refused it waits by sleeping."""
    locks = file_locks()
    if not locks:
        return None
    for number in descriptors(pid):
        path = link_of(pid, number)
        on_disk = path.startswith("/") and not path.startswith("/dev/")
        if on_disk and (lockers := _lockers(f"/proc/{pid}/fd/{number}", locks)):
            return OtherEnd("file", path, lockers)
    return None


def _lockers(path: str, locks: list[FileLock]) -> tuple[int, ...]:
    """The processes that have one of the locks of a file."""
    file = file_of(path)
    return tuple(dict.fromkeys(lock.pid for lock in locks if lock.file == file))


def _descriptor(pid: int, thread: int) -> int:
    """The first argument of the system call that a thread is in, where that is a descriptor; -1 for none."""
    words = text_of(f"/proc/{pid}/task/{thread}/syscall").split()
    known = calls_of(platform.machine())
    if known is None or len(words) < 2 or not words[0].isdigit():
        return -1
    return int(words[1], 16) if int(words[0]) in (*known.with_fd, 72, 25) else -1  # fcntl on x86_64, and on aarch64
