"""A hang over pipes and sockets is told where nobody but the program itself has an end of them, and only there."""

from __future__ import annotations

import gc
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from plait._check import heartbeat
from plait._check.conclude import Subject, search
from plait._check.explore import Budget, Result, explore_script
from plait._check.other_ends import asked
from plait._check.outside import entry_points
from plait._check.patches import Patches
from plait._check.programs.program import Script
from plait._check.system_calls import Wait, waits_of
from plait._core.connections import unix_peer

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what threads wait for"),
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # programs that hang close nothing
]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """The sockets that a program has left open are closed here, not in a later test."""
    yield
    gc.collect()


def explore(folder: Path, source: str, **options: object) -> Result:
    file = folder / "program.py"
    file.write_text(dedent(source))
    return explore_script(file, **{"runs": 5, "seconds": 20.0, **options})  # type: ignore[arg-type]


PAIR = "import socket, threading; a, b = socket.socketpair()"
CONNECTED = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
a = socket.create_connection(server.getsockname())
"""
HANGS = {
    "both receive first": (
        f"{PAIR}\nthreading.Thread(target=a.recv, args=(1,)).start()\nb.recv(1)",
        "data from a socket",
    ),
    "both send first": (
        f"{PAIR}\nbig = bytes(9_000_000)\nthreading.Thread(target=a.sendall, args=(big,)).start()\nb.sendall(big)",
        "room in a socket",
    ),
    "nobody accepts": (f"{CONNECTED}\na.recv(1)", "data from a socket"),
    "nobody answers": (f"{CONNECTED}\nb, _ = server.accept()\na.recv(1)", "data from a socket"),
    "end of a pipe left open": ("import os; r, w = os.pipe(); os.read(r, 1)", "data from a pipe"),
    "the same in C": ("import os; r, w = os.pipe(); open(r, 'rb').read()", "data from a pipe"),
    "a full pipe": ("import os; r, w = os.pipe(); os.write(w, bytes(1_000_000))", "room in a pipe"),
    "select": (f"import select\n{PAIR}\nselect.select([a], [], [])", "data from a socket"),
    "poll": (f"import select\n{PAIR}\np = select.poll()\np.register(a, select.POLLIN)\np.poll()", "data from a socket"),
    "epoll": (
        f"import selectors\n{PAIR}\ns = selectors.DefaultSelector()\ns.register(a, 1)\ns.select()",
        "data from a socket",
    ),
    "accept after close": (
        f"""{CONNECTED}
def serve():
    try:
        while True:
            server.accept()
    except OSError:
        pass
serving = threading.Thread(target=serve)
serving.start()
server.close()
serving.join()
""",
        "a connection to a socket that was closed",
    ),
}


@pytest.mark.parametrize(("source", "lacks"), HANGS.values(), ids=HANGS)
def test_a_hang_of_which_the_program_has_both_ends(tmp_path: Path, source: str, lacks: str) -> None:
    result = explore(tmp_path, source, runs=100)
    assert result.verdict.word == "failed"
    assert result.record is not None
    assert result.record.failure is not None
    assert result.record.failure.kind == "hang"
    assert any(one.pending.name.startswith(lacks) for one in result.record.failure.blocked)


SERVER = 'import os, socket, threading; server = socket.create_server(("127.0.0.1", 0))'
OPEN = {
    "a server that waits for clients": f"{SERVER}\nserver.accept()",
    "one with an idle worker": f"{SERVER}\nr, w = os.pipe()\nthreading.Thread(target=os.read, args=(r, 1)).start()\nserver.accept()",
    "a datagram": f'{SERVER}\ns = socket.socket(type=socket.SOCK_DGRAM)\ns.bind(("127.0.0.1", 0))\ns.recv(1)',
    "a child has the end": (
        "import os, subprocess, sys\nr, w = os.pipe()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE, pass_fds=(w,))\nos.read(r, 1)"
    ),
    "a signal that is to end the wait": (
        f"import os, signal\n{PAIR}\nsignal.signal(signal.SIGUSR1, lambda *_: 1 / 0)\n"
        "threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1)).start()\na.recv(1)"
    ),
}


SEARCHED = """
import sys
from plait._check import watchdog
from plait._check.explore import explore_script
watchdog._GRACE = 0.1
print(explore_script(sys.argv[1], runs=1, seconds=0.3).verdict.word)
"""


@pytest.mark.parametrize("source", OPEN.values(), ids=OPEN)
def test_what_somebody_else_may_end_is_no_hang(tmp_path: Path, source: str) -> None:
    """In a process of its own, which ends the threads that nothing ends."""
    file = tmp_path / "program.py"
    file.write_text(source)
    command = [sys.executable, "-c", SEARCHED, str(file)]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == "inconclusive\n"


RIGHT = {
    "a child writes later": """
        import os, subprocess, sys
        r, w = os.pipe()
        child = subprocess.Popen([sys.executable, "-S", "-c", f"import os; os.write({w}, b'x')"], pass_fds=(w,))
        os.close(w)
        assert os.read(r, 1) == b"x"
        child.wait()
        os.close(r)
        """,
    "a descriptor on its way to a child": """
        import os, socket
        a, b = socket.socketpair()
        r, w = os.pipe()
        go, told = os.pipe()
        child = os.fork()
        if not child:
            os.close(w)
            os.read(go, 1)
            _, (end,), _, _ = socket.recv_fds(b, 1, 1)
            os.write(end, b"x")
            os._exit(0)
        b.close()
        socket.send_fds(a, [b"x"], [w])
        os.close(w)
        os.write(told, b"x")
        assert os.read(r, 1) == b"x"
        os.waitpid(child, 0)
        a.close()
        for one in (r, go, told):
            os.close(one)
        """,
    "a timeout that the system has": """
        import socket, struct
        a, b = socket.socketpair()
        a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 100_000))
        try:
            a.recv(1)
        except BlockingIOError:
            pass
        a.close(); b.close()
        """,
    "the descriptor that signals wake": """
        import os, select, signal, socket, threading
        a, b = socket.socketpair()
        b.setblocking(False)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        assert signal.set_wakeup_fd(b.fileno()) == -1
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1)).start()
        select.select([a], [], [])
        assert a.recv(1) == bytes([signal.SIGUSR1])
        assert signal.set_wakeup_fd(-1) == b.fileno()
        a.close(); b.close()
        """,
    "the last call of a thread was let go": """
        import socket, threading
        a, b = socket.socketpair()
        data = bytes(2_000_000)
        threads = [threading.Thread(target=a.sendall, args=(data,))]
        threads[0].start()
        left = len(data)
        while left:
            left -= len(b.recv(1 << 20))
        threads[0].join()
        a.close(); b.close()
        """,
    "who goes round until a call outside is over": """
        import select, socket, threading
        a, b = socket.socketpair()
        done = False
        def wait():
            global done
            select.select([a], [], [], 0.2)
            done = True
        thread = threading.Thread(target=wait)
        thread.start()
        while not done:
            pass
        thread.join()
        a.close(); b.close()
        """,
}


@pytest.mark.parametrize("source", RIGHT.values(), ids=RIGHT)
def test_right_programs_that_look_like_a_hang(tmp_path: Path, source: str, nothing_left: None) -> None:
    result = explore(tmp_path, source, runs=3)
    assert result.verdict.word == "passed", result.verdict


TIMED = {
    "a socket": f"{PAIR}\na.settimeout(3600)\ntry:\n    a.recv(1)\nexcept TimeoutError:\n    pass\nelse:\n    raise SystemExit(1)",
    "accept": f"{CONNECTED}\nserver.accept()\nserver.settimeout(3600)\ntry:\n    server.accept()\nexcept TimeoutError:\n    pass",
    "select": f"import select\n{PAIR}\nassert select.select([a], [], [], 3600) == ([], [], [])",
    "a selector": f"import selectors\n{PAIR}\ns = selectors.DefaultSelector()\ns.register(a, 1)\nassert s.select(3600) == []",
    "sleep beside accept": f"{CONNECTED}\nimport time\nb, _ = server.accept()\nthreading.Thread(target=b.recv, args=(1,)).start()\n"
    "time.sleep(3600)\na.close()",
    "a loop": """
        import asyncio
        async def main():
            async with await asyncio.start_server(print, "127.0.0.1", 0):
                await asyncio.sleep(3600)
        asyncio.run(main())
        """,
}


@pytest.mark.parametrize("source", TIMED.values(), ids=TIMED)
def test_a_wait_with_a_timeout_takes_virtual_time_where_only_time_can_end_it(tmp_path: Path, source: str) -> None:
    assert explore(tmp_path, source, runs=2).verdict.word == "passed"


def test_a_server_that_looks_every_few_milliseconds_stops_nobody(tmp_path: Path, nothing_left: None) -> None:
    """It was never asleep for long, so it was never let go."""
    source = """
        import socket, socketserver, threading
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(self.rfile.readline())
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            serving = threading.Thread(target=server.serve_forever, args=(0.01,))
            serving.start()
            with socket.create_connection(server.server_address) as client:
                client.sendall(b"line\\n")
                assert client.recv(10) == b"line\\n"
            server.shutdown()
            serving.join()
        """
    assert explore(tmp_path, source, runs=3).verdict.word == "passed"


def test_a_hang_beside_a_thread_that_looks_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_FEW", 4)
    source = f"""
        {PAIR}
        import select
        def look():
            while not select.select([b], [], [], 60)[0]:
                pass
        threading.Thread(target=look, daemon=True).start()
        a.recv(1)
        """
    result = explore(tmp_path, source, runs=1)
    assert result.verdict.word == "failed"
    assert result.record is not None
    assert result.record.failure is not None
    assert result.record.failure.going == (1,)


def test_the_threads_of_a_hang_end_with_it(tmp_path: Path) -> None:
    source = f"{PAIR}\nimport os\nr, w = os.pipe()\nthreading.Thread(target=os.read, args=(r, 1)).start()\na.recv(1)"
    result = explore(tmp_path, source)
    assert result.verdict.word == "failed"
    assert result.coverage.left == ()


def test_the_story_names_what_each_waits_for_and_the_lock_that_one_keeps(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(
        dedent(
            f"""
            {PAIR}
            lock = threading.Lock()
            def receive():
                with lock:
                    a.recv(1)
            threading.Thread(target=receive).start()
            threading.Thread(target=b.recv, args=(1,)).start()
            while not lock.locked():
                pass
            with lock:
                a.send(b"x")
            """
        )
    )
    subject = Subject(lambda fresh: Script(str(file), (), fresh), lambda name: name == str(file))
    told = search(subject, Budget(200, 20.0), seed=0, scheduler="rotation").told
    assert told is not None
    finding = told.finding
    assert finding.kind == "nothing comes"
    assert finding.title == "Nobody can go on: Thread-1 waits for data from a socket"
    assert "the main thread for `lock` in line 11" in finding.why
    assert finding.fix.startswith("Do not keep `lock` while you wait")
    assert finding.moments[0].does == "waits for data from a socket, for ever"


def test_the_system_tells_what_a_thread_waits_for() -> None:
    r, w = os.pipe()
    watched = select.epoll()
    watched.register(r, select.EPOLLIN)
    poll = select.poll()
    poll.register(r, select.POLLIN)
    calls: list[Callable[[], object]] = [
        lambda: select.select([r], [], []),
        lambda: select.select([r], [], [], 60),
        poll.poll,
        watched.poll,
        lambda: None,
    ]
    found = [_waits_in(lambda call=call: (call(), os.read(r, 1)), lambda: os.write(w, b"x")) for call in calls]
    wait = Wait(r, select.POLLIN)
    assert found == [[wait], None, [wait], [wait], [wait]]
    watched.close()
    os.close(r)
    os.close(w)


def test_to_ask_a_descriptor_leaves_none_open() -> None:
    reads, writes = os.pipe()
    one, other = socket.socketpair()
    before = os.listdir("/proc/self/fd")
    assert asked(reads, lambda end: end.family, None) is None
    assert asked(10**6, lambda end: end.family, None) is None
    assert asked(one.fileno(), lambda end: end.family, None) == socket.AF_UNIX
    assert os.listdir("/proc/self/fd") == before
    for end in (one, other):
        end.close()
    for number in (reads, writes):
        os.close(number)


def test_the_other_end_of_a_unix_socket() -> None:
    a, b = socket.socketpair()
    with a, b:
        assert unix_peer(os.fstat(a.fileno()).st_ino) == os.fstat(b.fileno()).st_ino
    assert unix_peer(1) == 0


def _waits_in(call: Callable[[], object], end: Callable[[], object]) -> list[Wait] | None:
    with _thread_in(call, end) as native:
        return waits_of(native)


@contextmanager
def _thread_in(call: Callable[[], object], end: Callable[[], object]) -> Iterator[int]:
    thread = threading.Thread(target=call)
    thread.start()
    native = thread.native_id or 0
    while "\tS (" not in Path(f"/proc/self/task/{native}/status").read_text() or not _is_in_a_call(native):
        os.sched_yield()
    yield native
    end()
    thread.join()


def _is_in_a_call(native: int) -> bool:
    """Of files: the number of futex is that of the GIL's lock, which it may wait for before."""
    words = Path(f"/proc/self/task/{native}/syscall").read_text().split()
    return words[0].isdigit() and int(words[0]) not in (202, 98)


def test_classes_inherit_again_what_they_inherited_before() -> None:
    owners = [(owner, name) for owner, name, _ in entry_points() if isinstance(owner, type)]
    before = [name in vars(owner) for owner, name in owners]
    with Patches():
        assert all(name in vars(owner) for owner, name in owners)
    assert not all(before)
    assert [name in vars(owner) for owner, name in owners] == before


def test_a_server_that_nobody_ends_is_no_hang_and_is_said_to_go_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may connect to it; but it does not end by itself, and where it goes round is known."""
    monkeypatch.setattr(heartbeat, "_FEW", 2)
    result = explore(
        tmp_path,
        """
        import socket, threading
        class Server:
            def __init__(self):
                self.listener, self.running = socket.create_server(("127.0.0.1", 0)), False
                self.listener.settimeout(0.5)
            def serve(self):
                self.running = True
                while self.running:
                    try:
                        self.listener.accept()
                    except TimeoutError:
                        continue
        server = Server()
        thread = threading.Thread(target=server.serve)
        server.running = False
        thread.start()
        thread.join()
        """,
        runs=1,
    )
    assert result.verdict.word == "inconclusive"
    assert "goes round and asks again and again" in result.verdict.reason
    assert "program.py, line 11" in result.verdict.reason
