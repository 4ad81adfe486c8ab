"""macOS and Windows as far as Linux can play them: what they lack is taken away, in the driver and in the workers."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from plait._engines import hosting, portable_windows, segments
from plait._engines.arena import Arena, ArenaFull
from plait._engines.polling import SelectPoll
from plait._engines.portable_host import SocketBell
from plait._engines.portable_windows import WindowsSystem
from plait._engines.returns import cause_of_death
from plait._engines.segments import NamedSegment, temporary_arena, temporary_file

pytestmark = pytest.mark.usefixtures("nothing_left")

SOURCE = Path(__file__).resolve().parent.parent / "src"
SOON = 60.0

# What runs first in a process that plays another system. The standard library is loaded before, for this one.
NOT_ON_MACOS = """
import sys, os, mmap, select, subprocess, tempfile, socket, threading, logging, importlib.util
for module, names in {
    os: "memfd_create MFD_CLOEXEC sched_getaffinity waitid pidfd_open posix_fallocate eventfd setns",
    mmap: "MADV_REMOVE", select: "epoll",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
os.process_cpu_count = os.cpu_count  # as os.py has it where there is no affinity
subprocess._CAN_USE_PIDFD_OPEN = False  # which it has found out before (CPython 3.15)
"""
NOT_ON_WINDOWS = (
    """
import _socket
del _socket.socketpair  # so that socket.py connects pairs by TCP
import psutil, click, cloudpickle, rich.progress, asyncio, concurrent.futures.process, multiprocessing.pool, signal, _signal
"""
    + NOT_ON_MACOS
    + """
for module, names in {
    os: "fork forkpty posix_spawn register_at_fork readv writev preadv pwritev pread pwrite killpg getpgrp setpgid "
        "sysconf sysconf_names statvfs fstatvfs getuid fchmod sendfile set_blocking",
    select: "poll POLLIN POLLOUT",
    mmap: "MAP_SHARED PROT_READ madvise",
    signal: "SIGKILL SIGBUS SIGCHLD SIGALRM SIGHUP setitimer pthread_sigmask",
    socket: "AF_UNIX",
    _signal: "SIGKILL SIGBUS SIGCHLD SIGALRM SIGHUP setitimer pthread_sigmask",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
sys.modules["fcntl"] = sys.modules["resource"] = sys.modules["termios"] = sys.modules["pwd"] = None
"""
)
# Windows has named mappings; here files of a folder stand for them.
NAMED_MAPPINGS = """
def _mapping(fd, size, *, tagname=None, real=mmap.mmap, folder={folder!r}):
    if tagname is None:
        return real(fd, size)
    file = os.open(os.path.join(folder, tagname), os.O_RDWR | os.O_CREAT)
    os.ftruncate(file, size)
    try:
        return real(file, size)
    finally:
        os.close(file)
mmap.mmap = _mapping
"""
INTERPRETER = """#!{python}
import os, sys
code = sys.argv.index("-c") + 1
sys.argv[code] = open({lacking!r}).read() + sys.argv[code]
os.execv({python!r}, [{python!r}, *sys.argv[1:]])
"""
# Starts and kills processes and passes sockets as POSIX does; the memory and all else is as on Windows.
WINDOWS_SYSTEM = """
from plait._engines import portable_host, portable_windows
class System(portable_windows.WindowsSystem):
    def spawn(self, command, environment, inherited):
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, pass_fds=inherited)
    def pass_on(self, end, pid):
        return end.fileno()
    def kill(self, process):
        if process.poll() is None:
            os.kill(process.pid, 9)
from plait._engines import hosting
hosting.choose = lambda *, portable: portable_host.PortableHost(System())
"""
WORK = """
import plait
from plait.engines import ProcessEngine
from plait.errors import TaskTimeout, WorkerDied

def work(how):
    import os, time
    if how == "leave":
        os._exit(3)
    if how == "sleep":
        time.sleep(600)
    return how * 2

engine = ProcessEngine()
assert type(engine._reserve.host).__name__ == "PortableHost"
assert list(plait.map(work, range(5000), engine=engine, workers=2)) == list(range(0, 10000, 2))
data = [bytes([n]) * 300_000 for n in range(10)]
assert list(plait.map(work, data, engine=engine, workers=2)) == [each * 2 for each in data]
outcomes = list(plait.map(work, [1, "leave", "sleep", 4], engine=engine, workers=2, timeout=1.0).outcomes())
assert [outcome.value for outcome in outcomes] == [2, None, None, 8], outcomes
assert isinstance(outcomes[1].error, WorkerDied) and outcomes[1].error.exit_code == 3, outcomes[1].error
assert isinstance(outcomes[2].error, TaskTimeout), outcomes[2].error
engine.close()
print("done")
"""


def test_the_whole_engine_where_linux_has_more_than_the_system(tmp_path):
    _play(NOT_ON_MACOS + "sys.platform = 'darwin'\n", WORK, tmp_path, worker=NOT_ON_MACOS)


def test_the_whole_engine_with_select_and_named_mappings_only(tmp_path):
    mappings = NAMED_MAPPINGS.format(folder=str(tmp_path))
    _play(NOT_ON_WINDOWS + mappings + WINDOWS_SYSTEM, WORK, tmp_path, worker=NOT_ON_WINDOWS + mappings)


def test_every_module_but_those_of_linux_can_be_imported_on_windows():
    packages = ("_core", "_engines", "_run", "_cli", "testing")
    ours = [
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for package in packages
        for path in sorted((SOURCE / "plait" / package).rglob("*.py"))
        if not path.stem.startswith("linux_") and path.stem != "zygote_client"
    ]
    assert "plait._engines.portable_launcher" in ours
    script = f"""
{NOT_ON_WINDOWS}
sys.platform = "win32"
for name in {ours!r}:
    importlib.import_module(name)
print("done")
"""
    _run(script)


def _play(driver: str, script: str, folder: Path, worker: str) -> None:
    lacking = folder / "lacking.py"
    lacking.write_text(worker)
    interpreter = folder / "python"
    interpreter.write_text(INTERPRETER.format(python=sys.executable, lacking=str(lacking)))
    interpreter.chmod(0o755)
    _run(f"{driver}\nsys.executable = {str(interpreter)!r}\n{script}")


def _run(script: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), *filter(None, sys.path)])}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], env=environment, capture_output=True, text=True, timeout=SOON
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
    assert done.stderr == ""


# --- the parts


def test_select_poll_says_what_poll_says():
    poll = SelectPoll()
    here, there = socket.socketpair()
    with here, there:
        poll.register(here.fileno(), hosting.READABLE)
        assert poll.poll(0) == []
        there.send(b"x")
        assert poll.poll() == [(here.fileno(), hosting.READABLE)]
        poll.register(there.fileno(), hosting.WRITABLE)
        assert sorted(poll.poll(1000.0)) == sorted(
            [(here.fileno(), hosting.READABLE), (there.fileno(), hosting.WRITABLE)]
        )
        poll.unregister(here.fileno())
        assert poll.poll(0) == [(there.fileno(), hosting.WRITABLE)]


def test_a_socket_bell_rings_and_is_silenced_however_often_it_was_rung():
    bell, poll = SocketBell(), SelectPoll()
    poll.register(bell.fileno(), hosting.READABLE)
    for _ in range(100_000):
        bell.ring()
    assert poll.poll(0)
    while poll.poll(0):
        bell.silence()
    bell.silence()


def test_an_arena_is_small_where_files_are_not_sparse(monkeypatch):
    real = os.fstat

    class Dense:
        st_blocks = 1 << 30

        def __init__(self, fd):
            self.st_size = real(fd).st_size

    monkeypatch.setattr(segments.os, "fstat", Dense)
    arena = temporary_arena(1 << 40)
    assert arena.size <= 1 << 26
    arena.close()


def test_an_arena_leaves_room_on_the_disk(monkeypatch):
    class Disk:
        f_bavail, f_frsize = 40, 1 << 20

    monkeypatch.setattr(segments.os, "statvfs", lambda fd: Disk)
    arena = temporary_arena(1 << 40)
    assert arena.size == 10 << 20
    arena.close()


def test_a_page_that_the_disk_has_no_room_for_is_never_touched(monkeypatch):
    """It would be a bus error, which ends the process: also in a slot that was to be written before."""

    def full(fd, data, offset):
        raise OSError(errno.ENOSPC, "No space left on device")

    segment = temporary_arena(1 << 24)
    arena = Arena(segment)
    taken = os.fstat(segment.fd).st_blocks
    monkeypatch.setattr(segments.os, "pwrite", full)
    for _ in range(2):
        with pytest.raises(ArenaFull):
            arena.put(memoryview(bytes(100_000)))
    assert os.fstat(segment.fd).st_blocks == taken
    with pytest.raises(OSError, match="No space left"):
        temporary_file(1 << 16)
    arena.close()


def test_a_board_has_its_place_on_the_disk_from_the_beginning():
    board = temporary_file(1 << 19)
    assert os.fstat(board.fd).st_blocks * 512 >= 1 << 19
    board.close()


def test_a_named_segment_is_mapped_by_its_name_and_size(monkeypatch):
    mapped = []

    def mapping(fd, size, *, tagname):
        mapped.append((fd, size, tagname))
        return bytearray(size)

    monkeypatch.setattr(segments.mmap, "mmap", mapping)
    segment = WindowsSystem().segment(4096)
    assert isinstance(segment, NamedSegment)
    name, size, on_disk = segment.address
    assert size == 4096
    assert not on_disk  # all of it is set aside when it is made
    assert segments.open_segment(segment.address).address == segment.address
    assert mapped == [(-1, 4096, name)] * 2
    assert WindowsSystem().segment(4096).address[0] != name
    assert segment.write(memoryview(b"abc"), 10) == 3
    assert segment._memory[9:14] == b"\0abc\0"


def test_windows_starts_the_real_interpreter_of_a_virtual_environment(monkeypatch):
    started = []
    monkeypatch.setattr(portable_windows.subprocess, "Popen", lambda *a, **k: started.append((a, k)))
    monkeypatch.setattr(portable_windows.subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    monkeypatch.setattr(sys, "executable", r"C:\venv\Scripts\python.exe")
    monkeypatch.setattr(sys, "_base_executable", r"C:\Python\python.exe", raising=False)
    WindowsSystem().spawn([sys.executable, "-c", "pass"], {"A": "b"}, [])
    (((command,), options),) = started
    assert command == [r"C:\Python\python.exe", "-c", "pass"]
    assert options["env"] == {"A": "b", "__PYVENV_LAUNCHER__": r"C:\venv\Scripts\python.exe"}
    assert options["creationflags"] == 512


@pytest.mark.parametrize(
    ("code", "words"), [(0xC0000005, "access violation"), (0xC00000FD, "stack overflowed"), (7, "exit code 7")]
)
def test_the_exit_codes_of_windows_are_put_in_words(code, words):
    cause, number, exit_code = cause_of_death(code << 8, False)
    assert words in cause
    assert number is None
    assert exit_code == code


def test_linux_uses_its_own_means_unless_told_otherwise(monkeypatch):
    assert type(hosting.choose(portable=False)).__name__ == "LinuxHost"
    assert type(hosting.choose(portable=True)).__name__ == "PortableHost"
    monkeypatch.delattr(os, "memfd_create")  # an old C library
    assert type(hosting.choose(portable=False)).__name__ == "PortableHost"
