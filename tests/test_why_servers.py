"""``plait why`` of servers, frameworks and their tools: what they do for themselves is told from what hangs in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from plait._see.why import source as why_source
from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import GREEN, Dump, Frame, OtherEnd, Thing, Thread
from plait._see.why.keys import is_own
from plait._see.why.known import examine, step
from plait._see.why.outside import _standing, _ticking
from plait._see.why.words import tell

LIB = "/usr/lib/python3.13/"
INSTALLED = LIB + "site-packages/"
RUN = Frame(LIB + "asyncio/runners.py", 118, "Runner.run")
ONCE = Frame(LIB + "asyncio/base_events.py", 1, "_run_once")
BOTTOM = Frame(LIB + "threading.py", 1, "_bootstrap")
LOOP = Thread("MainThread", 1, 1, (ONCE, RUN), False, where="do_epoll_wait")
EVENT = Frame(LIB + "threading.py", 1, "Event.wait", {"self": Thing("Event", 7)})
GET = Frame(LIB + "queue.py", 1, "Queue.get", {"self": Thing("Queue", 8), "timeout": Thing("", 0, "None")})
SELF = OtherEnd("socket", "127.0.0.1:80", (1,))
QUEUED = SELF._replace(accepted=False)


def written(folder: Path, text: str, name: str = "app.py") -> str:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return str(file)


def task(name: str, *frames: Frame, ident: int = 0, awaits: tuple[int, ...] = ()) -> Thread:
    return Thread(name, ident, 0, frames, task=True, awaits=awaits)


@pytest.mark.parametrize(
    ("name", "text", "own"),
    [
        ("bin/serve", "import re\nfrom pack import run\nif 1:\n    sys.argv[0] = ''\n    sys.exit(run())\n", False),
        ("bin/mine", "import sys\nprint(sys.argv[0])\n", True),
        ("app/serve.py", "sys.argv[0] = ''\n", True),
    ],
)
def test_what_an_installer_writes_for_a_command_is_no_code_of_the_program(
    tmp_path: Path, name: str, text: str, own: bool
) -> None:
    assert is_own(Frame(written(tmp_path, text, name), 1, "<module>")) is own


@pytest.mark.parametrize("module", ["multiprocessing/resource_tracker.py", "multiprocessing/forkserver.py"])
def test_a_helper_of_multiprocessing_waits_for_nothing_that_hangs(module: str) -> None:
    frames = (Frame(LIB + module, 3, "main"), Frame("<string>", 1, "<module>"))
    helper = Thread("MainThread", 1, 1, frames, False, where="pipe_read", other_end=OtherEnd("pipe", "5", (2,)))
    assert diagnose(Dump(1, (helper,))) is None
    own = helper._replace(frames=(Frame("<string>", 1, "<module>"),))
    assert diagnose(Dump(1, (own,))) is not None


def test_the_workers_of_frameworks_that_lack_work_are_idle() -> None:
    waits = (GET, Frame(INSTALLED + "anyio/_backends/_asyncio.py", 1, "WorkerThread.run"), BOTTOM)
    billiard = (
        Frame(INSTALLED + "billiard/synchronize.py", 1, "Lock.__enter__", {"self": Thing("Lock", 4)}),
        Frame(INSTALLED + "billiard/pool.py", 1, "Worker.workloop"),
    )
    threads = (Thread("AnyIO worker thread", 2, 2, waits, False), Thread("MainThread", 1, 1, billiard, False))
    assert {known.wait.kind for known in examine(Dump(1, threads))} == {"idle"}
    assert diagnose(Dump(1, threads[1:], forked=True)) is None


def test_a_lock_of_the_processes_of_celery_is_none_of_a_fork(tmp_path: Path) -> None:
    """As of `multiprocessing`, of which billiard is a copy: another process may have it."""
    app = written(tmp_path, "with lock: pass\n")
    enters = Frame(INSTALLED + "billiard/synchronize.py", 1, "Lock.__enter__", {"self": Thing("Lock", 4)})
    waits = Thread("MainThread", 1, 1, (enters, Frame(app, 1, "work")), False, where="futex_do_wait")
    found = diagnose(Dump(1, (waits,), forked=True))
    assert found is None or "forked" not in found.title


def test_who_was_not_woken_stands_still_whatever_was_seen_of_its_variables() -> None:
    waits = Thread("t", 2, 2, (Frame("/home/a.py", 4, "work", {"n": Thing("", 0, "1")}),), False, where="wait_woken")
    other = waits._replace(frames=(Frame("/home/a.py", 4, "work", {"n": Thing("", 0, "?")}),), busy=True)
    seen = _standing(waits, other, {2})
    assert seen is not None
    assert (seen.busy, seen.moved, seen.where) == (False, "", "wait_woken")
    assert _standing(waits, other, set()) is None
    assert _standing(waits, other._replace(where=""), {2}) is None
    assert _standing(waits, waits, {2}) is None  # nothing has to be said


def test_who_hardly_runs_is_said_to_wait_and_not_to_run() -> None:
    ticks = Thread("t", 2, 2, (EVENT._replace(variables={"left": Thing("", 0, "1")}),), False, where="futex_do_wait")
    again = ticks._replace(frames=(EVENT,))
    moves = Thread("t", 2, 2, (Frame("/home/a.py", 4, "work"),), True)
    arrived = ticks._replace(frames=(Frame("/home/a.py", 5, "work"),), where="do_wait")
    seen = _ticking(ticks, again, {2})
    assert seen is not None
    assert (seen.busy, seen.moved, seen.where) == (False, "futex_do_wait", "")
    seen = _ticking(moves, arrived, {2})
    assert seen is not None
    assert (seen.busy, seen.moved, seen.where) == (False, "", "do_wait")  # it has come there: once
    assert _ticking(ticks, again, set()) is None  # others keep the GIL or a core from it
    assert _ticking(moves, moves, {2}) is None
    assert _ticking(ticks, ticks, {2}) is None


@pytest.mark.parametrize(
    ("line", "where", "end", "told"),
    [
        ("requests.get(url)", "wait_woken", QUEUED, ["An event loop is blocked, and asks itself", "httpx.AsyncClient"]),
        ("requests.get(url)", "wait_woken", SELF._replace(processes=(5,)), ["An event loop is blocked\n", "httpx"]),
        ("db.execute('x')", "hrtimer_nanosleep", OtherEnd("file", "/a/x.db", (1,)), ["lock of /a/x.db", "aiosqlite"]),
        ("time.sleep(9)", "hrtimer_nanosleep", None, ["An event loop is blocked\n", "asyncio.sleep"]),
    ],
)
def test_a_blocked_loop_is_told_by_what_and_what_to_do_instead(
    tmp_path: Path, line: str, where: str, end: OtherEnd | None, told: list[str]
) -> None:
    app = written(tmp_path, f"async def handler():\n    {line}\n")
    main = Thread("MainThread", 1, 1, (Frame(app, 2, "handler"), ONCE, RUN), False, where=where, other_end=end)
    said = tell(Dump(1, (main,)))
    assert all(words in said for words in told), said


def test_what_blocks_a_reactor_is_told_in_its_words(tmp_path: Path) -> None:
    app = written(tmp_path, "value = queue.get()\n")
    reactor = Frame(INSTALLED + "twisted/internet/base.py", 1, "_SignalReactorMixin.run")
    main = Thread("MainThread", 1, 1, (GET, Frame(app, 1, "work"), reactor), False)
    said = tell(Dump(1, (main,)))
    assert said.startswith("An event loop is blocked")
    assert "deferToThread" in said
    idle = main._replace(frames=(reactor, Frame(app, 1, "<module>")), where="do_epoll_wait")
    assert "blocked" not in tell(Dump(1, (idle,)))


def test_a_cell_of_a_notebook_waits_with_the_thread_that_it_waits_for(tmp_path: Path) -> None:
    cell = written(tmp_path, "thread.join()\n", "1.py")
    kernel = Frame(INSTALLED + "ipykernel/ipkernel.py", 1, "IPythonKernel.do_execute")
    joins = Frame(LIB + "threading.py", 1, "Thread.join", {"self": Thing("Thread", 5)})
    main = Thread("MainThread", 1, 1, (joins, Frame(cell, 1, "<cell line: 1>"), kernel, ONCE, RUN), False)
    bottom = Frame(LIB + "threading.py", 1, "Thread._bootstrap", {"self": Thing("Thread", 5)})
    work = Thread("work", 2, 2, (GET, Frame("/home/a.py", 4, "work"), bottom), False)
    found = diagnose(Dump(1, (main, work)))
    assert found is not None
    assert found.title == "A cell of the notebook waits"
    assert [one.who for one in found.steps] == ["MainThread", "work"]
    assert "asyncio." not in found.cure


@pytest.mark.parametrize("green", [False, True])
def test_what_a_green_thread_has_is_no_lock_of_a_fork(tmp_path: Path, green: bool) -> None:
    app = written(tmp_path, "def work():\n    with lock:\n        wait()\nwith lock: pass\n")
    lock = {"lock": Thing("lock", 5)}
    main = Thread("MainThread", 1, 1, (Frame(app, 2, "work", lock),), False, where="futex_do_wait")
    other = Thread("green work", 9, 0, (Frame(app, 3, "work", lock),))
    seen = Dump(1, (main, other)) if green else Dump(1, (main,), GREEN)
    found = diagnose(seen._replace(forked=True))
    assert found is not None
    assert found.title == "MainThread is blocked, and its green threads with it"
    assert found.certain is green
    plain = main._replace(frames=(Frame(app, 4, "<module>", lock),))  # gevent is there, and this is no green thread
    found = diagnose(Dump(1, (plain,), GREEN, forked=True))
    assert found is None or "green" not in found.title


def test_the_main_task_of_a_server_that_awaits_what_nobody_sets_stays(tmp_path: Path) -> None:
    app = written(tmp_path, "async def main():\n    await asyncio.Event().wait()\nasync def other(): await main()\n")
    wait, main = Frame(LIB + "asyncio/locks.py", 1, "Event.wait"), Frame(app, 2, "main")
    assert diagnose(Dump(1, (LOOP, task("Task-1 (main)", wait, main, ident=4)))) is None
    awaited = task("Task-2", Frame(app, 3, "other"), ident=5, awaits=(4,))
    found = diagnose(Dump(1, (LOOP, task("Task-1 (main)", wait, main, ident=4), awaited)))
    assert found is not None
    assert found.title.startswith("Task-1 (main) waits for asyncio.Event()")


def test_a_task_of_the_program_comes_before_those_of_its_server(tmp_path: Path) -> None:
    app = written(tmp_path, "async def get(self):\n    self.write(await self.answer)\n")
    theirs = task("Task-1 (serve)", Frame(INSTALLED + "tornado/http1connection.py", 4, "serve"))
    mine = task("Task-2 (get)", Frame(app, 2, "get"), Frame(INSTALLED + "tornado/web.py", 5, "_execute"))
    found = diagnose(Dump(1, (LOOP, theirs, mine)))
    assert found is not None
    assert found.title == "Task-2 (get) waits for self.answer"
    assert diagnose(Dump(1, (LOOP, theirs))) is None  # what a library does for itself is its own affair


def test_a_second_connection_of_a_pool_is_no_lock_that_is_taken_twice(tmp_path: Path) -> None:
    """Whoever has another one may give it back: the task does not wait for itself."""
    text = (
        "engine = make()\nasync def order():\n    async with engine.connect():\n        async with engine.connect():\n"
    )
    app = written(tmp_path, text + "            pass\n")
    inner = Frame(INSTALLED + "sqlalchemy/util/queue.py", 5, "get")
    found = diagnose(Dump(1, (LOOP, task("Task-3", inner, Frame(app, 4, "order", column=19)))))
    assert found is not None
    assert (found.title, found.certain) == ("Task-3 waits for engine.connect()", False)
    serves = task("Task-1", Frame(LIB + "asyncio/base_events.py", 1, "Server.serve_forever"))
    gets = (Frame(LIB + "asyncio/queues.py", 1, "Queue.get"), inner)
    found = diagnose(Dump(1, (LOOP, serves, task("Task-3", *gets, Frame(app, 4, "order", column=19)))))
    assert found is not None
    assert found.title == "Task-3 waits until a pool of connections gets something back"
    assert [one.place for one in found.steps] == ["app.py:3", "app.py:4"]


def test_a_task_that_waits_for_a_connection_of_a_library_is_told_in_a_server(tmp_path: Path) -> None:
    app = written(tmp_path, "async def get():\n    await session.get(url)\n")
    waits = Frame(INSTALLED + "aiohttp/connector.py", 7, "BaseConnector._wait_for_available_connection")
    sleeps = task(
        "Task-1", Frame(LIB + "asyncio/tasks.py", 1, "sleep"), Frame(INSTALLED + "aiohttp/web.py", 2, "_run_app")
    )
    dump = Dump(1, (LOOP, sleeps, task("Task-2", waits, Frame(app, 2, "get"))), listens=("a:80",))
    found = diagnose(dump)
    assert found is not None
    assert found.title == "Task-2 waits until a pool of connections gets something back"
    asks = waits._replace(function="ClientResponse.start", file=INSTALLED + "aiohttp/client_reqrep.py")
    assert "nothing to do" not in tell(
        dump._replace(threads=(LOOP, sleeps, task("Task-2", asks, Frame(app, 2, "get"))))
    )


def test_the_function_that_leaves_an_asyncio_lock_is_named(tmp_path: Path) -> None:
    text = "async def update(x):\n    await lock.acquire()\n    y = 1 / x\n    lock.release()\n"
    app = written(tmp_path, text)
    acquire = Frame(LIB + "asyncio/locks.py", 1, "Lock.acquire")
    found = diagnose(Dump(1, (LOOP, task("Task-1 (update)", acquire, Frame(app, 2, "update")))))
    assert found is not None
    assert ("update()", "app.py:2") in [(one.who, one.place) for one in found.steps]


def test_workers_that_all_ask_their_own_server(tmp_path: Path) -> None:
    app = written(tmp_path, "urlopen(url)\nchanged.wait()\n")
    serve = Frame(INSTALLED + "cheroot/workers/threadpool.py", 5, "WorkerThread.run")
    asks = (Frame(app, 1, "report"), serve, BOTTOM)
    threads = [Thread(f"w{n}", n, n, asks, False, where="wait_woken", other_end=SELF) for n in (2, 3)]
    found = diagnose(Dump(1, tuple(threads)))
    assert found is not None
    assert (found.title, found.certain) == ("All 2 worker threads ask the server that they work for", False)
    work = {"work_queue": Thing("SimpleQueue", 6)}
    pool = (asks[0], Frame(LIB + "concurrent/futures/thread.py", 1, "_worker", work), BOTTOM)
    found = diagnose(Dump(1, tuple(one._replace(frames=pool) for one in threads)))
    assert found is None or not found.title.startswith("All")
    strangers = [one._replace(frames=(asks[0], BOTTOM)) for one in threads]
    found = diagnose(Dump(1, tuple(strangers)))
    assert found is None or not found.title.startswith("All")
    free = Thread("w4", 4, 4, (GET, serve, BOTTOM), False)
    found = diagnose(Dump(1, (*threads, free)))
    assert found is None or not found.title.startswith("All")


def test_workers_of_a_library_that_all_wait(tmp_path: Path) -> None:
    app = written(tmp_path, "ready.wait()\n")
    serve = Frame(INSTALLED + "waitress/task.py", 5, "ThreadedTaskDispatcher.handler_thread")
    main = Thread("MainThread", 1, 1, (Frame(INSTALLED + "waitress/wasyncore.py", 1, "poll"),), where="do_sys_poll")
    waits = [Thread(f"waitress-{n}", n, n, (EVENT, Frame(app, 1, "handle"), serve, BOTTOM), False) for n in (2, 3)]
    found = diagnose(Dump(1, (main, *waits)))
    assert found is not None
    assert (found.title, found.certain) == ("All 2 worker threads of waitress wait", False)
    assert diagnose(Dump(1, (main, *waits[:1]))) is None
    recv = Frame(INSTALLED + "websockets/sync/connection.py", 5, "recv")
    idle = [one._replace(frames=(EVENT, recv, *one.frames[1:])) for one in waits]
    assert diagnose(Dump(1, (main, *idle))) is None


@pytest.mark.parametrize("where", ["do_epoll_wait", ""])
def test_a_server_that_has_nothing_to_do_is_called_idle(where: str) -> None:
    loop = LOOP._replace(where=where)
    said = tell(Dump(1, (loop, task("Task-1", Frame(INSTALLED + "uvicorn/server.py", 4, "serve"))), listens=("a:80",)))
    assert "It listens at a:80, and none of its threads is at work" in said
    busy = Thread("w", 2, 2, (EVENT, Frame("/home/app.py", 4, "handle"), BOTTOM), False)
    assert "none of its threads" not in tell(Dump(1, (loop, busy), listens=("a:80",)))
    assert "none of its threads" not in tell(Dump(1, (loop,), GREEN, listens=("a:80",)))


def test_the_workers_of_a_server_are_asked_where_it_has_nothing_to_tell() -> None:
    master = Thread("MainThread", 1, 1, (Frame(INSTALLED + "gunicorn/arbiter.py", 4, "run"),), False, where="do_select")
    said = tell(Dump(1, (master,), listens=("a:80",), pythons=(7, 8)))
    assert said.endswith("the other process: plait why 7\nthe other process: plait why 8")
    assert "It listens at a:80, and has nothing to do itself." in said


def test_who_watches_a_child_for_a_library_does_not_hang() -> None:
    waits = (Frame(LIB + "subprocess.py", 1, "Popen.wait"), Frame(INSTALLED + "distributed/process.py", 4, "watch"))
    watch = Thread("watch", 2, 2, (*waits, BOTTOM), False, where="do_wait")
    assert diagnose(Dump(1, (watch,), children=((7, "do_epoll_wait"),))) is None


def test_who_wants_a_lock_in_a_line_that_sleeps_does_not_sleep(tmp_path: Path) -> None:
    app = written(tmp_path, "with lock: time.sleep(1)\n")
    told = [
        step(examine(Dump(1, (Thread("t", 2, 2, (Frame(app, 1, "work"),), False, where=where),)))[0]).does
        for where in ("futex_do_wait", "hrtimer_nanosleep")
    ]
    assert told == ["waits for lock", "sleeps"]


@pytest.mark.parametrize(("library", "cure"), [("celery/result.py", "active"), ("filelock/_api.py", "Event")])
def test_who_looks_again_and_again_in_a_library_was_called_for_it(tmp_path: Path, library: str, cure: str) -> None:
    lib = written(tmp_path, "while 1:\n    if done(): break\n    sleep(1)\n", "site-packages/lib.py")
    app = written(tmp_path, "result.get()\n")
    inner = (Frame(lib, 3, "wait"), Frame(INSTALLED + library, 1, "get"))
    main = Thread("MainThread", 1, 1, (*inner, Frame(app, 1, "main")), False, where="hrtimer_nanosleep")
    found = diagnose(Dump(1, (main,)))
    assert found is not None
    assert cure in found.cure
    assert why_source.text(app, 1) in [one.text for one in found.steps]
    assert diagnose(Dump(1, (main._replace(frames=inner),))) is None  # for itself, such as the main loop of a worker


def test_who_waits_for_the_system_alone_waits_for_what_is_outside(tmp_path: Path) -> None:
    app = written(tmp_path, "socket.recv()\n")
    main = Thread("MainThread", 1, 1, (Frame(app, 1, "main"),), False, where="do_sys_poll")
    found = diagnose(Dump(1, (main,)))
    assert found is not None
    assert (found.title, found.certain) == ("MainThread waits for what comes from outside", False)
    assert diagnose(Dump(1, (main,), listens=("a:80",))) is None
