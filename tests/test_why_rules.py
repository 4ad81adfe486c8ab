"""``plait why``: rules that came from what was said falsely of programs that people have reported; stacks made by hand."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread
from plait._see.why.inside import look_inside
from plait._see.why.known import examine, step
from plait._see.why.wait import _is_limit

LIB = "/usr/lib/python3.13/"
INSTALLED = LIB + "site-packages/"


def test_a_lock_of_processes_is_not_one_of_a_thread_at_the_fork(tmp_path: Path) -> None:
    """As of a process that was killed while it had it: acquire() is C code, and shows no frame of multiprocessing."""
    file = tmp_path / "app.py"
    file.write_text("def work(lock):\n    lock.acquire()\n    try: do()\n    finally: lock.release()\n")
    titles = []
    for kind in ("lock", "Lock"):
        waits = Frame(str(file), 2, "work", {"lock": Thing(kind, 5)})
        found = diagnose(Dump(1, (Thread("MainThread", 1, 1, (waits,), False, where="futex_do_wait"),), forked=True))
        assert found is not None
        titles.append(found.title)
    assert titles[0] == "A lock was held by another thread when this process was forked"
    assert titles[1] != titles[0]


@pytest.mark.parametrize("where", ["futex_do_wait", "pipe_read"])
def test_a_fork_that_waits_in_c_code_waits_for_a_lock(tmp_path: Path, where: str) -> None:
    file = tmp_path / "app.py"
    file.write_text("out.flush()\n")
    waits = Thread("MainThread", 1, 1, (Frame(str(file), 1, "main"),), False, where=where)
    found = diagnose(Dump(1, (waits,), forked=True))
    assert (found is not None and found.title.startswith("A lock was held")) is (where == "futex_do_wait")


@pytest.mark.parametrize("rest", ["", "    _lock.release()\n"])
def test_what_is_let_go_by_another_name_is_let_go(tmp_path: Path, rest: str) -> None:
    file = tmp_path / "app.py"
    file.write_text("def wants():\n    with door(): pass\ndef writes():\n    door().acquire()\n    work()\n" + rest)
    waits = Thread("MainThread", 1, 1, (Frame(str(file), 2, "wants"),), False, where="futex_do_wait")
    found = diagnose(Dump(1, (waits,)))
    assert found is not None
    assert any(one.who == "writes()" for one in found.steps) is not bool(rest)


def test_only_wait_waits_until_an_event_is_set(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("stop.set()\nstop.wait()\n")
    event = {"self": Thing("Event", 7)}
    told = []
    for line, name in ((1, "set"), (2, "wait")):
        inner = Frame(LIB + "multiprocessing/synchronize.py", 1, f"Event.{name}", event)
        thread = Thread("MainThread", 1, 1, (inner, Frame(str(file), line, "main")), False)
        told.append(step(examine(Dump(1, (thread,)))[0]).does)
    assert told == ["waits for stop", "waits until stop is set"]


@pytest.mark.parametrize("calls_back", [True, False])
def test_a_window_that_waits_for_a_thread_that_asks_it_for_something(tmp_path: Path, *, calls_back: bool) -> None:
    """Where the window is in its main loop it will do what it is asked for."""
    file = tmp_path / "app.py"
    file.write_text("def click():\n    worker.join()\ndef work():\n    label.configure(text=1)\nroot.mainloop()\n")
    tk = LIB + "tkinter/__init__.py"
    worker = {"self": Thing("Thread", 7)}
    joins = (Frame(LIB + "threading.py", 1, "Thread.join", worker), Frame(str(file), 2, "click"))
    loop = (Frame(tk, 1485, "Misc.mainloop"), Frame(str(file), 5, "<module>"))
    window = Thread("MainThread", 1, 1, (*(joins if calls_back else ()), *loop), where="futex_do_wait")
    asks = (
        Frame(tk, 1692, "Misc._configure"),
        Frame(str(file), 4, "work"),
        Frame(LIB + "threading.py", 1, "Thread.run", worker),
    )
    other = Thread("Thread-1", 2, 2, asks, where="futex_do_wait")
    dump = Dump(1, (window, other))
    found = diagnose(dump)
    assert step(examine(dump)[1]).does == "waits until a window does what it asks for, in the thread of the window"
    if calls_back:
        assert found is not None
        assert found.title == 'Deadlock: "MainThread" and "Thread-1" wait for each other'
        assert found.cure.startswith("Wait for no thread in what a window calls")
    else:
        assert found is None or not found.certain


def test_who_runs_is_not_said_to_wait_for_a_permit(tmp_path: Path) -> None:
    """`submit` asks for one each time, and has it at once."""
    file = tmp_path / "app.py"
    file.write_text("for value in pool.map(work, items): pass\n")
    asks = Frame(LIB + "threading.py", 1, "Semaphore.acquire", {"self": Thing("Semaphore", 7)})
    thread = Thread("MainThread", 1, 1, (asks, Frame(str(file), 1, "main")), busy=True)
    found = diagnose(Dump(1, (thread,)))
    assert found is not None
    assert (found.title, found.certain) == ('"MainThread" runs', False)


@pytest.mark.parametrize("behind", [0, 2])
def test_what_tells_the_workers_of_a_pool_to_end_is_no_call(behind: int) -> None:
    begun, go = Event(), Event()

    def waits() -> None:
        begun.set()
        go.wait()

    pool = ThreadPoolExecutor(1, "waits")
    for _ in range(behind + 1):
        pool.submit(waits)
    begun.wait()
    pool.shutdown(wait=False)
    try:
        frames = [frame for thread in look_inside().threads if thread.name == "waits_0" for frame in thread.frames]
    finally:
        go.set()
        pool.shutdown()
        gc.collect()
    assert [frame.variables["work_queue"].text for frame in frames if frame.name == "_worker"] == [str(behind)]


def test_a_loop_without_tasks_is_said_to_have_none_by_those_who_see_them() -> None:
    loop = Thread("io", 2, 2, (Frame(LIB + "asyncio/base_events.py", 1, "_run_once"),), False, where="do_epoll_wait")
    told = [found.why for inside in (True, False) if (found := diagnose(Dump(1, (loop,), inside=inside)))]
    assert told[0] == "It has nothing to do, and no task."
    assert "cannot be seen" in told[1]


@pytest.mark.parametrize("where", ["do_epoll_wait", "futex_do_wait", ""])
def test_a_loop_that_is_awake_has_its_tasks_wait_for_their_turn(where: str) -> None:
    loop = Thread("MainThread", 1, 1, (Frame(LIB + "asyncio/base_events.py", 1, "_run_once"),), False, where=where)
    task = Thread("Task-1", 3, 0, (Frame("/home/app.py", 4, "main"),), task=True, turn="ready")
    found = diagnose(Dump(1, (loop, task)))
    assert (found is not None and "was not woken" in found.title) is (where == "do_epoll_wait")


def test_a_pool_of_a_library_that_has_nothing_left_is_told_whatever_others_do(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("pool.request('GET', '/')\n")
    get = Frame(LIB + "queue.py", 1, "Queue.get", {"self": Thing("LifoQueue", 8), "timeout": Thing("", 0, "9")})
    asks = Frame(INSTALLED + "urllib3/connectionpool.py", 280, "_get_conn", {"self": Thing("HTTPConnectionPool", 9)})
    main = Thread("MainThread", 1, 1, (get, asks, Frame(str(file), 1, "main")), False)
    other = Thread("other", 2, 2, (Frame("/home/other.py", 4, "read"),), False, where="do_sys_poll")
    found = diagnose(Dump(1, (main, other)))
    assert found is not None
    assert found.title.startswith("MainThread waits until ")
    assert "gives up after its timeout" in found.why


def test_a_handler_within_which_a_lock_is_taken_twice_has_interrupted_nothing(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("def twice():\n    with lock:\n        once()\ndef once():\n    with lock: pass\nmain()\n")
    lock = {"lock": Thing("lock", 5)}
    handler = Frame(str(file), 3, "twice", {**lock, "frame": Thing("frame", 6), "number": Thing("int", 7, "15")})
    stack = (Frame(str(file), 5, "once", lock), handler, Frame(str(file), 6, "<module>"))
    found = diagnose(Dump(1, (Thread("MainThread", 1, 1, stack, False, where="futex_do_wait"),)))
    assert found is not None
    assert found.title == "MainThread waits for itself"
    assert not any("interrupted" in one.does for one in found.steps)


@pytest.mark.parametrize(
    ("below", "title"),
    [
        (("handle", "serve_forever"), "A server waits for its own end"),
        ((), "shutdown() of a server that does not serve"),
    ],
)
def test_a_server_that_waits_for_its_own_end(tmp_path: Path, below: tuple[str, ...], title: str) -> None:
    file = tmp_path / "app.py"
    file.write_text("self.server.shutdown()\n")
    library = LIB + "socketserver.py"
    frames = (
        Frame(LIB + "threading.py", 1, "Event.wait", {"self": Thing("Event", 7)}),
        Frame(library, 2, "BaseServer.shutdown"),
        Frame(str(file), 1, "handle"),
        *(Frame(library, 3, f"BaseServer.{name}") for name in below),
    )
    found = diagnose(Dump(1, (Thread("MainThread", 1, 1, frames, False, where="futex_do_wait"),)))
    assert found is not None
    assert found.title == title


def test_items_of_a_map_that_come_slowly(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("time.sleep(1)\npool.map(work, numbers())\n")
    frames = (
        Frame(str(file), 1, "numbers"),
        Frame(LIB + "concurrent/futures/_base.py", 2, "Executor.map"),
        Frame(str(file), 2, "<module>"),
    )
    asleep = Thread("MainThread", 1, 1, frames, False, where="hrtimer_nanosleep")
    found = diagnose(Dump(1, (asleep,)))
    assert found is not None
    assert found.title == "MainThread is still taking the items of a map()"
    assert "takes all items" in found.cure


@pytest.mark.parametrize(
    ("waits", "cure"),
    [
        ("while not ready: cond.wait()", "See who is to make that true"),
        ("cond.wait_for(lambda: ready)", "See who is to make that true"),
        ("while running: cond.wait(); work()", "Keep what it waits for under its lock"),
        ("while True: cond.wait()", "Keep what it waits for under its lock"),
        ("cond.wait()", "Keep what it waits for under its lock"),
    ],
)
def test_who_looks_for_what_it_waits_for_is_not_told_to_do_so(tmp_path: Path, waits: str, cure: str) -> None:
    file = tmp_path / "app.py"
    file.write_text(f"def f(cond):\n    with cond:\n        {waits}\n")
    inner = [Frame("/usr/lib/python3.13/threading.py", 1, "Condition.wait", {"self": Thing("Condition", 5)})]
    inner += [Frame("/usr/lib/python3.13/threading.py", 1, "Condition.wait_for", {"self": Thing("Condition", 5)})] * (
        "wait_for" in waits
    )
    main = Thread("MainThread", 1, 1, (*inner, Frame(str(file), 3, "f")), busy=False)
    found = diagnose(Dump(1, (main,)))
    assert found is not None
    assert found.title.startswith("Nobody notifies")
    assert found.cure.startswith(cure)


@pytest.mark.parametrize(
    ("given", "limited"),
    [
        ("", False),
        ("None", False),
        ("-1", False),
        ("0.5", True),
        ("86400", False),
        ("inf", False),
        ("Timeout(5)", True),
    ],
)
def test_what_counts_as_a_timeout(given: str, limited: bool) -> None:
    """Event loops without a timer poll for a day."""
    assert _is_limit(given) is limited
