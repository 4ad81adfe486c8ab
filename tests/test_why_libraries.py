"""``plait why`` of programs that use packages: their services, windows, limiters, proxies and green threads."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType

import pytest

from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import GREEN, Dump, Frame, Thing, Thread
from plait._see.why.inside import look_inside
from plait._see.why.keys import is_own
from plait._see.why.known import examine, step
from plait._see.why.task_wait import primitive
from plait._see.why.wait import wait_of
from plait._see.why.words import tell

LIB = "/usr/lib/python3.13/"
INSTALLED = LIB + "site-packages/"
GET = Frame(LIB + "queue.py", 1, "Queue.get", {"self": Thing("Queue", 8)})
LOOP = Thread(
    "MainThread", 1, 1, (Frame(LIB + "asyncio/base_events.py", 1, "_run_once"), Frame("/home/a.py", 9, "<module>"))
)


def test_who_started_a_service_of_a_package_and_waits_for_its_end_is_no_finding() -> None:
    """As watchdog's observer.join(): nothing is to come, and that is well."""
    thread = Thing("BaseObserver", 5)
    joins = Frame(LIB + "threading.py", 1, "Thread.join", {"self": thread})
    main = Thread("MainThread", 1, 1, (joins, Frame("/home/app.py", 4, "<module>")), busy=False)
    bottom = Frame(LIB + "threading.py", 1, "Thread._bootstrap", {"self": thread})
    service = Thread("observer", 2, 2, (GET, Frame(INSTALLED + "watchdog/api.py", 4, "run"), bottom), busy=False)
    events = Thread("inotify", 3, 3, (Frame(INSTALLED + "watchdog/c.py", 4, "read"),), busy=False, where="do_sys_poll")
    assert diagnose(Dump(1, (main, service, events))) is None
    own = service._replace(frames=(GET, Frame("/home/app.py", 9, "consume"), bottom))
    found = diagnose(Dump(1, (main, own, events)))
    assert found is not None
    assert found.title == '"observer" is waited for, and does not end'


@pytest.mark.parametrize("serves", [True, False])
def test_a_server_whose_workers_wait_for_items_has_nothing_to_do(serves: bool, tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text("await q.get()\nawait other\n")
    waits = (Frame(LIB + "asyncio/queues.py", 1, "Queue.get"), Frame(str(app), 1, "worker"))
    worker = Thread("worker", 0, 0, waits, task=True)
    server = Thread("server", 0, 0, (Frame(LIB + "asyncio/base_events.py", 1, "Server.serve_forever"),), task=True)
    found = diagnose(Dump(1, (LOOP, worker, *([server] * serves))))
    assert (found is None) == serves
    other = Thread("other", 0, 0, (Frame(str(app), 2, "waits"),), task=True)
    found = diagnose(Dump(1, (LOOP, worker, other, *([server] * serves))))
    assert found is not None


def test_who_waits_for_a_thread_that_its_limiter_does_not_allow(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text("await anyio.to_thread.run_sync(f, limiter=one)\n")
    frames = (
        Frame(LIB + "asyncio/locks.py", 1, "Event.wait"),
        Frame(INSTALLED + "anyio/_backends/_asyncio.py", 1, "CapacityLimiter.acquire_on_behalf_of"),
        Frame(INSTALLED + "anyio/to_thread.py", 1, "run_sync"),
        Frame(str(app), 1, "again"),
    )
    task = Thread("task", 0, 0, frames, task=True)
    assert primitive(task) == "limiter"
    found = diagnose(Dump(1, (LOOP, task)))
    assert found is not None
    assert found.cure.startswith("Its limiter has no tokens left: ")


def test_windows_wait_for_events() -> None:
    main = (Frame(LIB + "tkinter/__init__.py", 1, "Misc.mainloop"), Frame("/home/app.py", 3, "<module>"))
    event = Frame(LIB + "threading.py", 1, "Event.wait", {"self": Thing("Event", 7)})
    window = Thread("MainThread", 1, 1, main, busy=False, where="futex_do_wait")
    waits = Thread("work", 2, 2, (event, Frame("/home/app.py", 2, "work")), busy=False, where="futex_do_wait")
    assert diagnose(Dump(1, (window, waits))) is None  # a button may set it
    assert step(examine(Dump(1, (window,)))[0]).does == "waits for events of its windows"


def test_a_method_of_a_proxy_is_not_the_programs_own() -> None:
    """multiprocessing compiles it: its line is nowhere."""
    proxy = Frame("<string>", 2, "get", {name: Thing("", 1) for name in ("self", "args", "kwds")})
    assert not is_own(proxy)
    assert is_own(Frame("<string>", 2, "get"))  # of python -c
    assert is_own(proxy._replace(function="<module>"))
    connection = Frame(LIB + "multiprocessing/connection.py", 1, "Connection.recv")
    asks = Thread("a", 1, 1, (connection, proxy, Frame("/home/app.py", 8, "main")), busy=False)
    wait = wait_of(asks)
    assert wait.frame is not None
    assert wait.frame.place == "app.py:8"


def test_green_threads_are_seen_from_inside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By their frames, without those that switch; what a class of the program has in place of these is not asked."""

    class Green:
        gr_frame = property(lambda self: self.frame)

        def __init__(self, frame: FrameType | None) -> None:
            self.frame = frame

    class Sub(Green):
        @property
        def gr_frame(self) -> object:  # type: ignore[override]
            raise AssertionError

    library = tmp_path / "gevent" / "hub.py"
    library.parent.mkdir()
    functions: dict[str, Callable[[], Generator[None]]] = {}
    exec(compile("def switch():\n yield", str(library), "exec"), functions)
    app = tmp_path / "app.py"
    app.write_text("def takes(lock):\n    with lock: pass\n    yield\n")
    exec(compile(app.read_text(), str(app), "exec"), functions)
    suspended = functions["takes"](threading.Lock())  # type: ignore[call-arg]
    next(suspended)
    switches = functions["switch"]()
    next(switches)
    fake = types.ModuleType("greenlet")
    fake.greenlet = Green  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "greenlet", fake)
    greens = [Green(suspended.gi_frame), Sub(switches.gi_frame), Green(None)]
    dump = look_inside()
    (found,) = (one for one in dump.threads if one.name.startswith("green"))
    assert (found.name, found.ident, found.native) == ("green takes", id(greens[0]), 0)
    assert found.frames[0].place == "app.py:3"
    assert dump.missing == ""


def test_that_green_threads_are_not_seen_from_outside_is_said() -> None:
    assert "PLAIT_WATCHDOG" in GREEN
    dump = Dump(1, (LOOP,), GREEN)
    assert tell(dump).replace("\n", " ").endswith(GREEN)
