"""``plait why`` on programs that hang, each for another reason: the culprit is named, with its line."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from told import asked, come_to_rest

from plait._see.why import outside as why_outside
from plait._see.why.diagnosis import Diagnosis, diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread
from plait._see.why.inside import look_inside
from plait._see.why.outside import CannotLook, look
from plait._see.why.wait import wait_of
from plait._see.why.words import tell

FOLDER = Path(__file__).parent / "hangs"
ROOT = Path(__file__).parent.parent
LONG = 30.0  # seconds

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]

# The title, and where the culprit is.
HANGS = {
    "lock_cycle": ('"one" and "two" wait for each other', "lock_cycle.py:16"),
    "lost_wakeup": ("Nobody notifies self.changed", "lost_wakeup.py:15"),
    "queue_join": ("Not all items of jobs were marked as done", "queue_join.py:18"),
    "full_pipe": ("A pipe is full that nobody reads", "full_pipe.py:5"),
    "queue_never_fed": ("Nothing will come: inbox", "queue_never_fed.py:9"),
    "semaphore": ("All permits of slots are gone", "semaphore.py:7"),
    "pool_self": ("A pool waits for itself", "pool_self.py:11"),
    "blocked_loop": ("An event loop is blocked", "blocked_loop.py:8"),
    "fork_lock": ("A lock was held by another thread when this process was forked", "fork_lock.py:20"),
    "import_lock": ("wait for each other", "import_lock_module.py:12"),
    "gil_held": ("One thread has the GIL", "gil_held.py:7"),
    "pipe_to_itself": ("A pipe is full", "pipe_to_itself.py:4"),
    "queue_of_process": ("A pipe is full that nobody reads", "queue_of_process.py:15"),
    "scope_lock": ('Deadlock: "MainThread" and "plait-thread-1" wait for each other', "scope_lock.py:13"),
    "map_lock": ('Deadlock: "MainThread" and "plait-thread-', "map_lock.py:13"),
    "loop_lock": ('Deadlock: "MainThread" and "plait-loop" wait for each other', "loop_lock.py:13"),
    "pool_lent": ("A pool waits for itself", "pool_lent.py:5"),
    "passed_on": ("Too few come to barrier", "passed_on.py:14"),
    "channel_never_fed": ("Nothing will come: rows", "channel_never_fed.py:5"),
    "channel_full": ("Nobody takes from rows", "channel_full.py:6"),
    "one_line": ('Deadlock: "one" and "two" wait for each other', "one_line.py:16"),
    "philosophers": ('Deadlock: "p0" and "p1" and "p2" wait for each other', "philosophers.py:9"),
}
WATCHED = {
    **{name: HANGS[name] for name in ("lock_cycle", "lost_wakeup", "queue_join", "pool_self", "blocked_loop")},
    **{name: HANGS[name] for name in ("pipe_to_itself", "queue_of_process", "fork_lock")},
    **{
        name: HANGS[name]
        for name in ("scope_lock", "map_lock", "loop_lock", "pool_lent", "philosophers", "one_line", "passed_on")
    },
    **{name: HANGS[name] for name in ("channel_never_fed", "channel_full")},
    "philosophers_slots": ('Deadlock: "p0" and "p1" and "p2" wait for each other', "philosophers_slots.py:18"),
    "async_locks": ('Deadlock: "Task-2 (move)" and "Task-3 (move)" wait for each other', "async_locks.py:7"),
    "task_group": ("reader (read) waits for inbox.get()", "task_group.py:5"),
    "other_names": ('"one" and "two" wait for each other', "other_names.py:21"),
    "future_never_set": ("Task-1 (main) waits for self.answer", "future_never_set.py:9"),
}
# The title, and what is said of the other process, which is asked, too.
OTHERS = {
    "process_map": ("MainThread waits for worker processes", "MainThread waits for something", "process_map.py:8"),
    "process_pool": ("MainThread waits for worker processes", '"MainThread" runs', r"process_pool.py:[67]"),
    "child_spins": ("MainThread waits for another process", '"MainThread" runs', r"child_spins.py:[67]"),
    "forkserver_child": ("MainThread waits for another process", "No wait that cannot end", "forkserver_child.py:6"),
}


@contextmanager
def hanging(name: str, **environment: str) -> Iterator[int]:
    """The pid of the process that hangs, which may be a child of the program."""
    program = subprocess.Popen(
        [*command(environment), str(FOLDER / f"{name}.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        process_group=0,
    )
    try:
        assert program.stdout is not None
        pid = int(program.stdout.readline()) if name == "fork_lock" else program.pid
        come_to_rest(pid)
        yield pid
    finally:
        os.killpg(program.pid, 9)
        program.communicate()


def command(environment: dict[str, str]) -> list[str]:
    """How Python runs a program, which imports plait where a watchdog is wanted."""
    run = "import plait, runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
    return [sys.executable, "-c", run] if environment else [sys.executable]


def until(pid: int, title: str) -> Diagnosis:
    """The diagnosis, once the program has come to where it hangs."""
    deadline = time.monotonic() + LONG
    while True:
        found = diagnose(_look(pid))
        if (found is not None and title in found.title) or time.monotonic() > deadline:
            assert found is not None
            return found


def answer(pid: int, title: str) -> str:
    """What the command says, once the program has come to where it hangs; skips where it may not look."""
    deadline = time.monotonic() + LONG
    while title not in (said := asked(pid) or tell(_look(pid))).partition("\n")[0] and time.monotonic() < deadline:
        continue
    return said


def _look(pid: int) -> Dump:
    try:
        return look(pid)
    except CannotLook as error:
        if "may not look" in str(error):
            pytest.skip(str(error))
        return Dump(pid, ())


@pytest.fixture
def pyspy() -> None:
    if shutil.which("py-spy") is None and shutil.which("py-spy", path=sysconfig.get_path("scripts")) is None:
        pytest.skip("py-spy is not installed")


@pytest.mark.usefixtures("pyspy")
@pytest.mark.parametrize("name", HANGS)
def test_the_culprit_is_named(name: str) -> None:
    """By the command, of a program that knows nothing of plait: the first or second line with a place."""
    title, place = HANGS[name]
    with hanging(name) as pid:
        said = answer(pid, title)
    assert title in said.partition("\n")[0], said
    assert place in re.findall(r"\w+\.py:\d+", said.partition("cure:")[0])[:2], said


@pytest.mark.usefixtures("pyspy")
@pytest.mark.parametrize("watched", [{}, {"PLAIT_WATCHDOG": "1000"}], ids=["outside", "watchdog"])
@pytest.mark.parametrize("name", OTHERS)
def test_what_the_other_process_does_is_told_with_its_line(name: str, watched: dict[str, str]) -> None:
    title, theirs, place = OTHERS[name]
    deadline = time.monotonic() + LONG
    said = other = ""
    with hanging(name, **watched) as pid:  # each of the two may be on its way to where it stays
        while not (said.startswith(title) and other.startswith(theirs) and re.search(place, other)):
            assert time.monotonic() < deadline, said
            said = asked(pid) or tell(_look(pid))
            other = re.split(r"^process \d+: ", said, maxsplit=1, flags=re.MULTILINE)[-1]


@pytest.mark.usefixtures("pyspy")
@pytest.mark.parametrize("name", ["future_never_set", "task_group"])
def test_a_task_is_seen_from_outside(name: str) -> None:
    title, place = WATCHED[name]
    with hanging(name) as pid:
        said = answer(pid, title)
    assert title in said.partition("\n")[0], said
    assert place in said.partition("cure:")[0], said


@pytest.mark.usefixtures("pyspy")
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="its own reader of tasks knows no variables")
def test_locks_of_tasks_are_seen_from_outside() -> None:
    title, place = WATCHED["async_locks"]
    with hanging("async_locks") as pid:
        found = until(pid, title)
    assert found.certain
    assert place in {step.place for step in found.steps}


@pytest.mark.usefixtures("pyspy")
def test_how_a_task_could_be_seen_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(why_outside, "tasks_of", lambda *_: ())
    with hanging("future_never_set") as pid:
        until(pid, "The event loop waits")
        said = tell(_look(pid))
    assert "PLAIT_WATCHDOG=30" in said


def test_without_pyspy_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with hanging("full_pipe") as pid:
        deadline = time.monotonic() + LONG
        said = ""
        both = ("room in a pipe", "waits for the end of a child process")  # each comes when it comes
        while not all(each in said for each in both) and time.monotonic() < deadline:
            with pytest.raises(CannotLook, match="pip install py-spy") as caught:
                look(pid)
            said = str(caught.value)
    assert re.search(rf"thread {pid} \(.*\)  waits for the end of a child process\n", said)
    assert re.search(r"its child \d+  waits for room in a pipe", said)


def why(pid: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plait", "why", str(pid)], capture_output=True, text=True, timeout=LONG, check=False
    )


@pytest.mark.parametrize("name", WATCHED)
def test_a_watchdog_answers(name: str) -> None:
    title, place = WATCHED[name]
    deadline = time.monotonic() + LONG
    with hanging(name, PLAIT_WATCHDOG="1000") as pid:
        while title not in (said := asked(pid)) and time.monotonic() < deadline:
            continue
    assert title in said.partition("\n")[0]
    assert place in said.partition("cure:")[0]


def test_a_watchdog_speaks_by_itself_once() -> None:
    watched = {"PLAIT_WATCHDOG": "0.2"}
    program = subprocess.Popen(
        [*command(watched), str(FOLDER / "lost_wakeup.py")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **watched},
    )
    assert program.stderr is not None
    said = []
    for line in program.stderr:
        said.append(line)
        if "all of process" in line:
            break
    program.kill()
    rest = program.communicate()[1]
    assert said[0].startswith("plait: nothing has moved for")
    assert any("Nobody notifies self.changed" in line for line in said)
    assert "nothing has moved" not in rest


def test_ctrl_backslash_has_a_watchdog_speak() -> None:
    """Whatever the main thread is stuck in, and as often as it is pressed."""
    title = HANGS["lock_cycle"][0]
    watched = {"PLAIT_WATCHDOG": "1000"}
    program = subprocess.Popen(
        [*command(watched), str(FOLDER / "lock_cycle.py")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **watched},
    )
    try:
        assert program.stderr is not None
        deadline = time.monotonic() + LONG
        while title not in asked(program.pid) and time.monotonic() < deadline:
            continue
        for _ in range(2):
            program.send_signal(signal.SIGQUIT)
            said = list(iter(program.stderr.readline, f"all of process {program.pid}:\n"))
            assert said[0] == "plait: asked by SIGQUIT\n"
            assert title in said[2]
            assert len([program.stderr.readline() for _ in range(6)]) == 6  # each of three threads, and its line
        assert program.poll() is None
    finally:
        program.kill()
        program.communicate()


@pytest.mark.parametrize("taken", ["signal.signal(signal.SIGQUIT, print)", "faulthandler.register(signal.SIGQUIT)"])
def test_a_program_keeps_its_own_use_of_the_signal(taken: str) -> None:
    program = (
        f"import faulthandler, os, signal; {taken}; import plait\n"
        "os.kill(os.getpid(), signal.SIGQUIT); print('goes on')"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LONG, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": "1000"},
    )  # fmt: skip
    assert run.stdout.endswith("goes on\n")
    assert "asked by SIGQUIT" not in run.stderr
    assert run.returncode == 0


def test_a_fork_has_a_watchdog_of_its_own() -> None:
    program = (
        "import os, plait, threading\n"
        "pid = os.fork()\n"
        "if pid:\n    print(pid, flush=True)\n    os.waitpid(pid, 0)\n"
        "else:\n    threading.Event().wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, process_group=0,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": "1000"},
    )  # fmt: skip
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        deadline = time.monotonic() + LONG
        while f"all of process {child}:" not in (said := asked(child)) and time.monotonic() < deadline:
            continue
        mine = asked(parent.pid)
    finally:
        os.killpg(parent.pid, 9)
        parent.communicate()
    assert f"all of process {child}:" in said
    assert f"all of process {parent.pid}:" in mine


def test_a_watchdog_survives_that_all_descriptors_are_closed() -> None:
    """As daemons do at their start; it must not ask the system over and over what has come of them."""
    program = (
        "import os, time, plait\nos.closerange(3, 100)\nbefore = time.process_time()\ntime.sleep(0.3)\n"
        "print(time.process_time() - before < 0.1)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=LONG, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": "1000"},
    )  # fmt: skip
    assert (run.stdout, run.stderr) == ("True\n", "")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="there is no engine of interpreters")
def test_interpreters_have_none_of_their_own() -> None:
    program = "import plait; print(list(plait.map(abs, [-1, 2], engine='interpreter', workers=2)))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LONG, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": "1000"},
    )  # fmt: skip
    assert (run.stdout, run.stderr, run.returncode) == ("[1, 2]\n", "", 0)


def test_a_watchdog_runs_no_code_of_the_program(tmp_path: Path) -> None:
    """A proxy's code could wait for the very lock that hangs the program."""

    class Proxy:
        @property
        def __dict__(self) -> dict[str, object]:  # type: ignore[override]  # as proxies of objects have it
            raise AssertionError("asked")

        @property
        def __class__(self) -> type:  # type: ignore[override]  # as proxies of objects have it
            raise AssertionError("asked")

    class Number(int):
        def __str__(self) -> str:
            raise AssertionError("asked")

    go, there = threading.Event(), threading.Event()

    def wait(proxy: object, number: int) -> None:
        there.set()
        go.wait()

    thread = threading.Thread(target=wait, args=(Proxy(), Number(3)), name="has a proxy")
    thread.start()
    there.wait()
    try:
        found = {one.name: one for one in look_inside().threads}
    finally:
        go.set()
        thread.join()
    names = [set(frame.variables) for frame in found["has a proxy"].frames if frame.function.endswith("wait")]
    assert {"proxy", "number"} <= names[-1]


def test_a_watchdog_outlives_what_it_cannot_see() -> None:
    """Such as an asyncio that is being imported at that moment."""
    program = (
        "import plait, sys, threading, types\n"
        "def run_forever(self):\n    threading.Event().wait()\n"
        "sys.modules['asyncio'] = types.ModuleType('asyncio')\n"
        "run_forever(1)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": "1000"},
    )
    try:
        deadline = time.monotonic() + LONG
        while "AttributeError" not in (said := asked(run.pid)) and time.monotonic() < deadline:
            continue
        again = asked(run.pid)
    finally:
        run.kill()
        run.wait()
    assert said.startswith("the watchdog could not look:\n")
    assert again == said


def test_a_watchdog_keeps_nothing_alive(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", "import plait; print(list(plait.map(abs, [-1, 2], engine='process', workers=2)))"],
        capture_output=True, text=True, timeout=LONG, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": "1000"},
    )  # fmt: skip
    assert (run.stdout, run.stderr, run.returncode) == ("[1, 2]\n", "", 0)


def test_a_bad_number_of_seconds_is_said(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", "import plait"], capture_output=True, text=True, timeout=LONG, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": "often"},
    )  # fmt: skip
    assert "PLAIT_WATCHDOG='often': expected a number of seconds above 0" in run.stderr


@pytest.mark.parametrize("seconds", ["inf", "1e9", ""])
def test_a_watchdog_that_never_speaks_by_itself_or_is_none(tmp_path: Path, seconds: str) -> None:
    program = "import plait, threading; print([one.name for one in threading.enumerate() if one.name[0] == 'p'])"
    with subprocess.Popen(
        [sys.executable, "-c", f"{program}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": seconds},
    ) as run:  # fmt: skip
        assert run.stdout is not None
        assert run.stdout.readline() == ("['plait-watchdog']\n" if seconds else "[]\n")
        if seconds:
            assert "waits for its standard input" in why(run.pid).stdout
        assert run.communicate("\n") == ("", "")


def test_what_is_no_process_and_no_python_is_said() -> None:
    none = why(2**22 + 1)
    assert none.returncode != 0
    assert "there is no process of that number" in none.stderr
    with subprocess.Popen(["sleep", "100"]) as other:
        said = why(other.pid)
        other.kill()
    assert said.returncode != 0
    assert f"{other.pid}: sleep is not a Python" in said.stderr
    assert "Stack backtrace" not in said.stderr


@pytest.mark.parametrize("pid", ["sleep", "-5", "0", "1.5", "9" * 30])
def test_what_is_no_number_of_a_process_is_said(pid: str) -> None:
    words = [sys.executable, "-m", "plait", "why", "--", pid]
    run = subprocess.run(words, capture_output=True, text=True, timeout=LONG, check=False)
    assert run.returncode == 255
    assert f"'{pid}': expected the number of a process" in run.stderr


IN_TERMINAL = """
import plait, queue, threading, time
from plait._core.vigil import VIGIL
from plait._see.watchdog_terminal import TerminalWatchdog
plait.map
assert VIGIL.wake is not None
VIGIL.wake = TerminalWatchdog(0.3).wake
inbox = queue.Queue()
lock = threading.Lock()
def fetch(n):
    return inbox.get()
def twice(n):
    with lock:
        lock.acquire()
def once(n):
    with lock:
        return n
def patient(n):
    time.sleep(1)
    threading.Event().wait(0.5)
    return n
"""


def in_terminal(folder: Path, program: str, until: str) -> str:
    """What a program says whose standard error is a terminal, until it has said this, or ends."""
    file = folder / "program.py"
    file.write_text(IN_TERMINAL + program)
    ours, theirs = pty.openpty()
    deadline = time.monotonic() + LONG
    run = subprocess.Popen(
        [sys.executable, str(file)], stderr=theirs, stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    os.close(theirs)
    said = ""
    try:
        while until not in said and select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
            said += os.read(ours, 1 << 16).decode()
    except OSError:  # the program has ended, and with it the terminal's other end
        pass
    finally:
        run.kill()
        run.wait()
        os.close(ours)
    return said


@pytest.mark.parametrize(
    ("program", "title"),
    [
        ("list(plait.map(fetch, range(4), engine='thread', workers=2))", "Nothing will come: inbox"),
        ("with plait.scope() as s:\n    s.submit(fetch, 1)", "Nothing will come: inbox"),
        ("with lock:\n    list(plait.map(once, range(4), engine='thread', workers=2))", "Deadlock"),
        ("plait.map(twice, [1], engine='inline').outcomes().__next__()", "MainThread waits for itself"),
    ],
)
def test_a_map_in_a_terminal_says_that_it_can_never_go_on(tmp_path: Path, program: str, title: str) -> None:
    said = in_terminal(tmp_path, program, "all of process")
    assert "plait: nothing has moved for" in said
    assert title in said


@pytest.mark.parametrize("engine", ["thread", "process", "inline"])
def test_a_map_in_a_terminal_that_takes_long_is_left_alone(tmp_path: Path, engine: str) -> None:
    said = in_terminal(tmp_path, f"print(list(plait.map(patient, range(2), engine={engine!r}, workers=2)))", "never")
    assert said == ""


def test_a_map_elsewhere_is_not_watched() -> None:
    program = "import plait; plait.map, plait.scope; from plait._core.vigil import VIGIL; print(VIGIL.wake)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LONG, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert (run.stdout, run.stderr) == ("None\n", "")


# --- the rule, on stacks made by hand


def thread(name: str, file: Path, line: int, **variables: int) -> Thread:
    things = {variable: Thing("Account", address) for variable, address in variables.items()}
    return Thread(name, 1, 1, (Frame(str(file), line, "move", things),), busy=False)


MOVE = """
def move(source, target):
    with source.lock:
        with target.lock:
            pass
    target.lock.acquire()
    source.lock.acquire()
    source.lock.release()
"""


@pytest.fixture
def move(tmp_path: Path) -> Path:
    file = tmp_path / "move.py"
    file.write_text(MOVE)
    return file


def test_a_ring_of_three(move: Path) -> None:
    threads = (thread("a", move, 4, source=1, target=2), thread("b", move, 4, source=2, target=3),
               thread("c", move, 4, source=3, target=1))  # fmt: skip
    found = diagnose(Dump(1, threads))
    assert found is not None
    assert found.title == 'Deadlock: "a" and "b" and "c" wait for each other'
    assert found.certain


def test_no_ring_where_the_last_one_runs(move: Path) -> None:
    runs = thread("b", move, 5, source=2, target=3)._replace(busy=True)
    found = diagnose(Dump(1, (thread("a", move, 4, source=1, target=2), runs)))
    assert found is not None
    assert (found.title, found.certain) == ('"b" is waited for, and runs', False)


def test_a_lock_that_was_acquired_without_with(move: Path) -> None:
    threads = (thread("a", move, 7, source=1, target=2), thread("b", move, 7, source=2, target=1))
    found = diagnose(Dump(1, threads))
    assert found is not None
    assert "wait for each other" in found.title


def test_a_lock_that_one_takes_twice(move: Path) -> None:
    found = diagnose(Dump(1, (thread("a", move, 4, source=1, target=1),)))
    assert found is not None
    assert found.title == "a waits for itself"


@pytest.mark.parametrize(
    ("rest", "certain"),
    [
        ("threading.Timer(9, a.lock.release).start()", False),
        ("def later(account):\n    account.lock.release()", False),
        ("threading.Timer(9, print).start()", True),
        ("def now(account):\n    account.lock.acquire()\n    try: pass\n    finally: account.lock.release()", True),
    ],
)
@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_locks_that_a_timer_may_release(move: Path, names: tuple[str, ...], rest: str, certain: bool) -> None:
    move.write_text(f"{move.read_text()}\n{rest}\n")
    waits = Frame(threading.__file__, 1, "Event.wait", {"self": Thing("Event", 5), "timeout": Thing("float", 6, "9.0")})
    timer = Thread("Thread-1", 2, 2, (waits, Frame(threading.__file__, 2, "Timer.run")), busy=False)
    others = {"a": thread("a", move, 4, source=1, target=len(names)), "b": thread("b", move, 4, source=2, target=1)}
    found = diagnose(Dump(1, (*(others[name] for name in names), timer)))
    assert found is not None
    assert found.certain is certain
    assert ('"Thread-1"' in found.why) is not certain


@pytest.mark.parametrize("library", ["", "/lib/site-packages/tqdm/_monitor.py"])
def test_what_a_timer_may_bring_and_a_thread_of_a_library_may_not_be_known_to(tmp_path: Path, library: str) -> None:
    """A timer calls a function of the program's; a thread of a library that looks now and then may do anything."""
    file = tmp_path / "app.py"
    file.write_text("def takes(inbox):\n    inbox.get()\n")
    get = Frame(
        "/usr/lib/python3.13/queue.py", 1, "Queue.get", {"self": Thing("Queue", 8), "timeout": Thing("", 0, "None")}
    )
    waits = Frame(threading.__file__, 1, "Event.wait", {"self": Thing("Event", 5), "timeout": Thing("float", 6, "9.0")})
    inner = (Frame(library, 7, "run"),) if library else ()
    later = Thread("Thread-1", 2, 2, (waits, *inner, Frame(threading.__file__, 2, "run")), busy=False)
    takes = Thread("takes", 3, 3, (get, Frame(str(file), 2, "takes")), busy=False)
    found = diagnose(Dump(1, (takes, later)))
    if library:
        assert found is None
    else:
        assert found is not None
        assert (found.title, found.certain) == ("Nothing will come: inbox, unless a timer does it", False)
        assert "What Thread-1 will call may, a threading.Timer" in found.why


def test_no_ring_where_one_waits_with_a_timeout(tmp_path: Path) -> None:
    file = tmp_path / "move.py"
    file.write_text("def move(source, target):\n    with source.lock:\n        target.lock.acquire(timeout=5)\n")
    threads = (thread("a", file, 3, source=1, target=2), thread("b", file, 3, source=2, target=1))
    assert diagnose(Dump(1, threads)) is None
    assert wait_of(threads[0]).limited


def test_what_a_call_gives_is_no_lock_that_others_have(tmp_path: Path) -> None:
    """Two threads, each in a block of its own: equal words for different objects."""
    file = tmp_path / "move.py"
    file.write_text("def move(source, target):\n    with make(1):\n        with make(2):\n            pass\n")
    found = diagnose(Dump(1, (thread("a", file, 3, source=1), thread("b", file, 3, source=2))))
    assert found is None or "wait for each other" not in found.title


def test_a_thread_that_runs_waits_for_nothing(move: Path) -> None:
    assert wait_of(thread("a", move, 3, source=1, target=2)._replace(busy=True)).kind == "runs"


def test_of_many_threads_that_do_the_same_a_few_are_shown(move: Path) -> None:
    main = thread("MainThread", move, 2, source=1, target=2)
    workers = [thread(f"w{number}", move, 4, source=5, target=9) for number in range(150)]
    said = tell(Dump(1, (main, *workers)))
    assert "w2" in said
    assert "w4 " not in said
    assert said.count("and 147 more do the same, the last of them w149") == 1
    assert len(said.splitlines()) < 40
    named = [one._replace(name="w") for one in workers]
    assert tell(Dump(1, (main, *named))).partition("all of process")[2].count("\n  w ") == 3
    few = tell(Dump(1, (main, *workers[:4])))
    assert "w3" in few
    assert "more do the same" not in few


@pytest.mark.usefixtures("pyspy")
def test_the_page_shows_what_is_said() -> None:
    page = (ROOT / "docs" / "why.md").read_text()
    assert (FOLDER / "lock_cycle.py").read_text() in page
    with hanging("lock_cycle") as pid:
        until(pid, HANGS["lock_cycle"][0])
        said = asked(pid).replace(str(pid), "1234")
    shown = page.partition("$ plait why 1234\n")[2].partition("```")[0]
    assert said == shown
