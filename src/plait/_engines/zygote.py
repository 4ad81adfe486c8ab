"""The zygote: a slim, single-threaded interpreter that forks worker processes on request and reports how they end.

It is started fresh, so it holds none of its parent's threads, locks or memory, and it never runs the user's code:
forking it is safe and takes a few milliseconds whatever the size of the parent. Each request carries the worker's
descriptors (SCM_RIGHTS); one without any means: import cloudpickle for the workers to come. Answers are
``FORKED token pid`` and ``ENDED token status``. It ends when its parent closes the socket.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the C module: signal.py would import enum
import _socket
import gc
import os
import select
import struct

from plait._core.frozen import STARTING
from plait._engines.allocator import forget

FORKED, ENDED = 1, 2
NOT_STARTED = -1  # the status of a worker that the system would not let us fork
ANSWER = struct.Struct("<BxxxIq")
REQUEST = struct.Struct("<II")  # token, number of descriptors; without any: import cloudpickle
_MOST_FDS = 8


def main(fd: int) -> None:
    """Serve requests until the parent is gone."""
    gc.disable()  # what is imported stays
    forget(os.environ)
    os.environ.pop(STARTING, None)
    _open_standard_descriptors()
    link = _socket.socket(fileno=fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, _nothing)
    awake, alarm = os.pipe()
    os.set_blocking(awake, False)
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    from plait._engines import linux_worker  # before the first fork, so that workers share the memory

    tokens: dict[int, int] = {}
    poll = select.poll()
    poll.register(link, select.POLLIN)
    poll.register(awake, select.POLLIN)
    gc.freeze()
    gc.enable()
    while True:
        for ready, _ in poll.poll():
            if ready == awake:
                _drain(awake)
                _reap(link, tokens)
                continue
            request = _receive(link)
            if request is None:
                _leave(tokens)
                return
            token, expected, fds = request
            if not expected:
                _preload()
                continue
            pid = _fork() if len(fds) == expected else -1  # some did not arrive when descriptors have run out
            if pid == 0:
                _become_worker(link, awake, alarm)
                linux_worker.main(fds)
                os._exit(0)
            for each in fds:
                os.close(each)
            if pid < 0:
                _send(link, ANSWER.pack(ENDED, token, NOT_STARTED))
                continue
            tokens[pid] = token
            _send(link, ANSWER.pack(FORKED, token, pid))


def _receive(link: _socket.socket) -> tuple[int, int, list[int]] | None:
    """The next request, or None when the parent is gone."""
    try:
        data, ancillary, _, _ = link.recvmsg(REQUEST.size, _socket.CMSG_LEN(4 * _MOST_FDS))
    except OSError:
        return None
    if len(data) < REQUEST.size:
        return None
    fds: list[int] = []
    for _level, _kind, payload in ancillary:
        fds.extend(struct.unpack(f"<{len(payload) // 4}i", payload))
    token, expected = REQUEST.unpack(data)
    return token, expected, fds


def _open_standard_descriptors() -> None:
    """What the parent had closed leads nowhere, instead of to the first pipe that is opened."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _fork() -> int:
    try:
        return os.fork()
    except OSError:  # too many processes, or too little memory
        return -1


def _preload() -> None:
    """Import what functions by value may need once, for all workers."""
    import plait._engines.pickling.by_value  # noqa: F401  # and with it cloudpickle

    gc.freeze()


def _become_worker(link: _socket.socket, awake: int, alarm: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    link.close()
    os.close(awake)
    os.close(alarm)


def _reap(link: _socket.socket, tokens: dict[int, int]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _send(link, ANSWER.pack(ENDED, tokens.pop(pid, 0), status))


def _send(link: _socket.socket, data: bytes) -> None:
    try:
        link.sendall(data)
    except OSError:
        return  # the parent is gone; the main loop sees it next


def _leave(tokens: dict[int, int]) -> None:
    """The parent is gone or wants no more workers: they end by their lifelines; leave no zombie to init."""

    def kill_those_without(*_: object) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends this process if a worker does not
        for pid in tokens:
            try:
                os.killpg(pid, signal.SIGKILL)
            except OSError:
                continue  # it has ended, or is about to become a group of its own

    signal.signal(signal.SIGALRM, kill_those_without)
    signal.setitimer(signal.ITIMER_REAL, 0.5, 1.5)
    while tokens:
        try:
            pid, _ = os.waitpid(-1, 0)
        except ChildProcessError:
            break
        tokens.pop(pid, None)
    os._exit(0)


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            continue
    except BlockingIOError:
        return


def _nothing(*_: object) -> None:
    """SIGCHLD only has to write to the wake-up descriptor."""
