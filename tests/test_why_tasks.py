"""``plait why`` on programs with an event loop: which task is the culprit, what it awaits, and what may still wake it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from told import EITHER_WAY, asked, come_to_rest, said_of

from plait._see.why import source as why_source
from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread
from plait._see.why.remote import is_trusted
from plait._see.why.task_wait import primitive
from plait._see.why.wait import wait_of

ROOT = Path(__file__).parent.parent
LONG = 30.0  # seconds

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]

SERVER = """
async def main():
    server = await asyncio.start_server(print, "127.0.0.1", 0)
    async with server: await server.serve_forever()
"""
SESSION = """
class Session(asyncio.Event):
    async def __aenter__(self): pass
    async def __aexit__(self, *_): pass
async def main():
    session = Session()
    async with session: await session.wait()
"""
KEPT = """
slots = asyncio.Semaphore(1)
async def send(): await asyncio.get_running_loop().create_future()
async def one():
    async with slots: await send()
async def main(): await asyncio.gather(one(), one())
"""
LEFT = """
lock = asyncio.Lock()
async def take(): await lock.acquire()
async def main():
    await asyncio.create_task(take())
    await asyncio.wait([asyncio.create_task(enter())])
async def enter():
    async with lock: pass
"""
COMPUTES = """
async def spin(n):
    await asyncio.sleep(0)
    while n: pass
async def main(): await asyncio.gather(spin(1), spin(0))
"""
IN_THREAD = """
def slow(): time.sleep(1000)
async def main(): await asyncio.to_thread(slow)
"""
TIMED = """
async def main():
    never = asyncio.Event()
    async with asyncio.timeout(1000): await never.wait()
"""
LIBRARY = """
async def main():
    async with asyncio.TaskGroup() as tasks: tasks.create_task(asyncio.Barrier(2).wait())
"""
GENERATOR = """
async def rows(queue):
    yield 1
    yield await queue.get()
async def main():
    async for _ in rows(asyncio.Queue()): pass
"""
AWAITABLE = """
class Ready:
    def __init__(self): self.event = asyncio.Event()
    def __await__(self):
        yield from self.event.wait().__await__()
async def main():
    await Ready()
"""
STUBBORN = """
async def work():
    while True:
        try: await asyncio.Event().wait()
        except asyncio.CancelledError: pass
async def main():
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await task
"""
CHILD = """
async def main():
    code = "print('x' * 1000000)"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    await child.wait()
"""
STANDS = """
lock = asyncio.Lock()
async def rows():
    async with lock:
        for row in range(9): yield row
async def main():
    found = rows()
    await anext(found)
    async with lock: pass
"""
UNTOLD = """
async def main():
    changed = asyncio.Condition()
    async with changed: await changed.wait_for(lambda: False)
"""
PERMITS = """
async def one(slots):
    async with slots:
        await asyncio.sleep(0)
        async with slots: pass
async def two(slots):
    async with slots: await asyncio.sleep(1000)
async def main():
    slots = asyncio.Semaphore(2)
    await asyncio.gather(one(slots), two(slots))
"""
WRAPPED = """
class Guard:
    def __init__(self): self.lock = asyncio.Lock()
    async def __aenter__(self): await self.lock.acquire()
    async def __aexit__(self, *_): self.lock.release()
async def save(guard):
    async with guard: pass
async def main():
    guard = Guard()
    async with guard:
        await save(guard)
"""
MANAGED = """
import contextlib
lock = asyncio.Lock()
@contextlib.asynccontextmanager
async def turn():
    async with lock: yield
async def save():
    async with turn(): pass
async def main():
    async with turn():
        await save()
"""
OWN_CLASS = """
class Own(asyncio.Task): pass
async def wait(): await asyncio.Event().wait()
async def main():
    asyncio.get_running_loop().set_task_factory(lambda loop, coroutine, **more: Own(coroutine, loop=loop, **more))
    await asyncio.create_task(wait(), name="own \u4e2d")
"""
IDLE = """
idle = []
async def serve(items):
    while True: await items.get()
"""
PARENT = f"""{IDLE}
async def stop(parent): await parent
async def main():
    idle.append(asyncio.create_task(serve(asyncio.Queue())))
    async with asyncio.TaskGroup() as tasks: tasks.create_task(stop(asyncio.current_task()))
"""
CROSSWISE = f"""{IDLE}
tasks = {{}}
async def nap(): await asyncio.sleep(1000)
async def left():
    await asyncio.gather(tasks["right"], asyncio.sleep(0))
async def right():
    await asyncio.wait([tasks["left"], tasks["nap"]])
async def main():
    idle.append(asyncio.create_task(serve(asyncio.Queue())))
    tasks.update((one.__name__, asyncio.create_task(one(), name=one.__name__)) for one in (left, right, nap))
    await asyncio.wait(tasks.values())
"""
AROUND = f"""{IDLE}
lock = asyncio.Lock()
async def save():
    async with lock: pass
async def main():
    idle.append(asyncio.create_task(serve(asyncio.Queue())))
    async with lock:
        async with asyncio.TaskGroup() as tasks: tasks.create_task(save())
"""
THREAD_AROUND = """
import threading
lock = threading.Lock()
def save():
    with lock: pass
async def main():
    with lock: await asyncio.gather(*(asyncio.to_thread(save) for _ in range(2)))
"""
SHIELDED = """
async def answer(): await asyncio.get_running_loop().create_future()
async def main():
    await asyncio.shield(asyncio.gather(asyncio.sleep(1000), answer()))
"""
GOES_ON = f"""{IDLE}
async def step():
    while True: await asyncio.sleep(0.01)
async def main():
    idle.append(asyncio.create_task(serve(asyncio.Queue())))
    async with asyncio.TaskGroup() as tasks: tasks.create_task(step())
"""
# The program, and what is said of it in this order.
PROGRAMS = {
    "server": (SERVER, ["No wait that cannot end was found", "Task-1 (main)  serves whoever connects at app.py:5"]),
    "session": (SESSION, ["Task-1 (main) waits for session.wait()", "awaits session.wait()", "cure: See that set()"]),
    "kept": (KEPT, ["Task-2 (one) waits for asyncio", "Task-2 (one)   has slots", "Keep nothing that others need"]),
    "permits": (
        PERMITS,
        ["Task-2 (one) waits for slots", "has slots, taken at app.py:4", "Task-3 (two)   has slots", "Keep nothing"],
    ),
    "wrapped lock": (
        WRAPPED,
        ["Task-1 (main) waits for itself", "has guard, taken at app.py:11", "awaits self.lock at app.py:5"],
    ),
    "managed lock": (
        MANAGED,
        ["Task-1 (main) waits for itself", "has turn(), taken at app.py:11", "awaits lock at app.py:7"],
    ),
    "tasks of a class of its own": (OWN_CLASS, ["own \u4e2d (wait) waits for asyncio.Event().wait()", "app.py:4"]),
    "left": (LEFT, ["Task-3 (enter) waits for lock", "cure: Use `async with`"]),
    "computes": (
        COMPUTES,
        ['"MainThread" runs, and its event loop waits for that', "is the task that its event loop runs", "its turn"],
    ),
    "in thread": (IN_THREAD, ["Task-1 (main) waits for asyncio.to_thread", "asyncio_0      sleeps", "A thread of a"]),
    "timed": (TIMED, ["Task-1 (main) waits for never.wait()", "A timer of the loop runs", "cure: See that set()"]),
    "generator": (GENERATOR, ["Task-1 (main) waits for queue.get()", "app.py:5", "cure: Put one sentinel"]),
    "awaitable": (AWAITABLE, ["Task-1 (main) waits for self.event.wait()", "app.py:6", "cure: See that set()"]),
    "stubborn": (
        STUBBORN,
        [
            "Task-2 (work) was cancelled, and does not end",
            "was cancelled, and awaits asyncio",
            "app.py:5",
            "CancelledError",
        ],
    ),
    "stubborn sleeper": (
        STUBBORN.replace("asyncio.Event().wait()", "asyncio.sleep(1000)"),
        ["Task-2 (work) was cancelled, and does not end", "was cancelled, and sleeps", "app.py:5", "CancelledError"],
    ),
    "child with a full pipe": (
        CHILD,
        [
            "A pipe is full that nobody reads",
            "Task-1 (main)  waits for the end of a child",
            "app.py:6",
            "room in a pipe",
        ],
    ),
    "child that goes on": (
        CHILD.replace("print('x' * 1000000)", "import time; time.sleep(1000)"),
        [
            "Task-1 (main) waits for the end of a child",
            "app.py:6",
            "child ",
            "sleeps",
            "cure: See what the child waits for",
        ],
    ),
    "generator that stands": (
        STANDS,
        [
            "Task-1 (main) waits for lock",
            "rows()         is a generator, and has lock",
            "app.py:6",
            "cure: Let no generator",
        ],
    ),
    "condition that nobody notifies": (
        UNTOLD,
        ["Task-1 (main) waits for changed.wait_for", "cure: Keep", "notify() after"],
    ),
    "child that awaits its group": (
        PARENT,
        ['Deadlock: "Task-1 (main)" and "Task-3 (stop)" wait', "app.py:10", "awaits parent at app.py:7"],
    ),
    "tasks that wait crosswise": (
        CROSSWISE,
        ['Deadlock: "left (left)" and "right (right)" wait', "app.py:10", "app.py:12", "cure: Await no task"],
    ),
    "tasks that wait for the first": (
        CROSSWISE.replace('"nap"]]', '"nap"]], return_when=asyncio.FIRST_COMPLETED'),
        ["No wait that cannot end was found"],
    ),
    "tasks that wait for a while": (
        CROSSWISE.replace('"nap"]]', '"nap"]], timeout=1000'),
        ["No wait that cannot end was found", "awaits other tasks, with a timeout,"],
    ),
    "lock around a group": (
        AROUND,
        ['Deadlock: "Task-3 (save)" and "Task-1 (main)"', "app.py:9", "has lock, taken at app.py:12", "let go of it"],
    ),
    "lock around calls in threads": (
        THREAD_AROUND,
        ["Deadlock", "(to_thread)", "asyncio_0", "let go of it first"],
    ),
    "shielded": (SHIELDED, ["Task-3 (answer) waits for asyncio.get_running_loop().create_future()", "app.py:3"]),
    "consumer beside what goes on": (GOES_ON, ["No wait that cannot end was found", "awaits items.get()"]),
    "library": (LIBRARY, ["Task-2 (Barrier.wait) waits for Barrier.wait()", "cure: See that as many tasks"]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_task_to_look_at_is_named(tmp_path: Path, name: str) -> None:
    _check_what_is_said(tmp_path, *PROGRAMS[name], PLAIT_WATCHDOG="1000")


@pytest.mark.skipif(
    shutil.which("py-spy", path=sysconfig.get_path("scripts")) is None, reason="py-spy is not installed"
)
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="its own reader of tasks tells less")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_task_to_look_at_is_named_from_outside(tmp_path: Path, name: str) -> None:
    _check_what_is_said(tmp_path, *PROGRAMS[name])


def _check_what_is_said(folder: Path, source: str, expected: list[str], **watchdog: str) -> None:
    file = folder / "app.py"
    file.write_text(f"import asyncio, sys, time{', plait' * bool(watchdog)}\n{source}\nasyncio.run(main())\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **watchdog}
    program = subprocess.Popen([sys.executable, str(file)], env=environment, process_group=0)
    deadline = time.monotonic() + LONG
    try:
        come_to_rest(program.pid)
        while not _in_order(said := asked(program.pid), expected) and time.monotonic() < deadline:
            continue
    finally:
        os.killpg(program.pid, 9)
        program.wait()
    assert _in_order(said, expected), said


def _in_order(said: str, expected: list[str]) -> bool:
    for words in expected:
        _, found, said = said.partition(words)
        if not found:
            return False
    return True


def test_which_await_of_a_line_it_is(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("async def f(a, b):\n    async with a: await b.send(await b.get())\n")
    awaited = [why_source.awaited(str(file), 2, column) for column in (15, 24, 31, -1)]
    assert awaited == ["a", "b.send(await b.get())", "b.get()", "a"]


@pytest.mark.parametrize(
    ("rest", "takes"),
    [
        ("async with lock: pass", "lock"),
        ("await self.lock.acquire()", "self.lock"),
        ("async for item in receives: pass", ""),
        ("await ended", ""),
        ("await receives.receive()", ""),
    ],
)
def test_only_what_a_line_takes_is_had_by_who_has_entered_it(tmp_path: Path, rest: str, takes: str) -> None:
    """Who has entered a channel in order to close it does not keep it from itself."""
    file = tmp_path / "app.py"
    file.write_text(f"async def f(self):\n    {rest}\n")
    assert why_source.awaits_to_take(str(file), 2) == takes


NESTED = """
import asyncio
{watchdog}
slots = asyncio.Semaphore(2)
async def walk(depth):
    async with slots:
        await asyncio.sleep(0)
        if depth: await asyncio.gather(walk(depth - 1), walk(depth - 1))
asyncio.run(walk(3))
"""
KEEPS = """
import asyncio
{watchdog}
async def take(lock, items):
    async with lock: await items.get()
async def give(lock, items):
    async with lock: await items.put(1)
async def main():
    lock, items = asyncio.Lock(), asyncio.Queue()
    await asyncio.gather(take(lock, items), give(lock, items))
asyncio.run(main())
"""


@EITHER_WAY
@pytest.mark.parametrize(
    ("program", "line"), [(NESTED, "has slots, taken at app.py:7"), (KEEPS, "has lock, taken at app.py:6")]
)
def test_who_keeps_what_others_need_is_to_let_it_go(tmp_path: Path, watchdog: str, program: str, line: str) -> None:
    """Also where it is a semaphore, and where another one would end the wait if it had that."""
    said = said_of(tmp_path, program.replace("{watchdog}", watchdog), "Task-", ("cure: Keep nothing that others",))
    assert line in said.partition("cure:")[0], said
    assert "afterwards" not in said, said


CHANNEL = """
import asyncio
{watchdog}
import anyio
async def produces(sends):
    async with sends: await sends.send(1)
async def consumes(receives):
    async with receives:
        async for item in receives: pass
async def main():
    sends, receives = anyio.create_memory_object_stream()
    async with anyio.create_task_group() as group:
        group.start_soon(consumes, receives)
        group.start_soon(produces, sends.clone())
anyio.run(main, backend="{backend}")
"""


@EITHER_WAY
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_who_iterates_over_a_channel_that_is_not_closed(tmp_path: Path, watchdog: str, backend: str) -> None:
    pytest.importorskip("anyio")
    pytest.importorskip("trio")
    if not watchdog.strip() and backend == "trio":
        pytest.skip("tasks of trio are seen with the watchdog only")
    program = CHANNEL.replace("{backend}", backend).replace("{watchdog}", watchdog)
    said = said_of(
        tmp_path, program, "consumes" if backend == "trio" else "__main__.consumes", ("waits for receives\n",)
    )
    assert "app.py:10" in said.partition("cure:")[0], said
    assert "cure: It goes on with an item, or when all senders are closed" in said, said


def test_what_asyncio_itself_is_in_tells_the_kind_of_wait() -> None:
    frames = Frame("/lib/asyncio/locks.py", 1, "Event.wait"), Frame("/lib/asyncio/queues.py", 1, "Queue.join")
    assert primitive(Thread("a", 0, 0, frames, task=True)) == "queue join"
    assert primitive(Thread("a", 0, 0, frames[:1], task=True)) == "event"
    assert primitive(Thread("a", 0, 0, (Frame("/home/app.py", 1, "Event.wait"),), task=True)) == ""


def test_what_a_library_waits_for_is_its_own_affair() -> None:
    event, own = Frame("/usr/lib/python3.13/asyncio/locks.py", 1, "Event.wait"), Frame("/home/app.py", 1, "main")
    library = Frame("/lib/site-packages/httpcore/pool.py", 2, "wait_for_connection")
    assert primitive(Thread("a", 0, 0, (event, own), task=True)) == "event"
    asks = Thread("a", 0, 0, (event, library, own), task=True)
    assert primitive(asks) == ""
    loop = Thread("MainThread", 1, 1, (Frame("/usr/lib/python3.13/asyncio/base_events.py", 1, "_run_once"), own))
    found = diagnose(Dump(1, (loop, asks)))
    assert found is not None
    assert found.cure.startswith("See what the library waits for there")
    assert "(pool.py:2)" in found.steps[0].does
    ticks = Thread("b", 0, 0, (Frame("/usr/lib/python3.13/asyncio/tasks.py", 1, "sleep"), own), task=True)
    reads = asks._replace(frames=(event, library._replace(function="receive"), own))
    assert diagnose(Dump(1, (loop, reads, ticks))) is None  # a server that has nothing to do looks like this


def test_a_loop_in_c_is_a_loop() -> None:
    """Such as that of uvloop, of which only asyncio's runner is seen."""
    runs = Frame("/usr/lib/python3.13/asyncio/runners.py", 118, "Runner.run")
    waits = Frame("/usr/lib/python3.13/threading.py", 1, "Event.wait", {"self": Thing("Event", 7)})
    idle = wait_of(Thread("a", 1, 1, (runs, Frame("/home/app.py", 1, "<module>")), busy=False, where="do_epoll_wait"))
    assert idle.kind == "loop"
    blocked = wait_of(Thread("a", 1, 1, (waits, Frame("/home/app.py", 1, "main"), runs), busy=False))
    assert (blocked.kind, blocked.inside) == ("event", True)


@EITHER_WAY
def test_tasks_of_a_loop_in_c(tmp_path: Path, watchdog: str) -> None:
    pytest.importorskip("uvloop")
    program = f"""
import asyncio, uvloop
{watchdog}
async def move(first, second):
    async with first:
        await asyncio.sleep(0.1)
        async with second: pass
async def main():
    a, b = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(move(a, b), move(b, a))
uvloop.run(main())
"""
    title = 'Deadlock: "Task-2 (move)" and "Task-3 (move)" wait for each other\n'
    if not watchdog.strip() and sys.version_info >= (3, 14):
        pytest.skip("its own reader of tasks has no variables")
    said = said_of(tmp_path, program, title)
    assert "app.py:8" in said.partition("cure:")[0], said


def test_who_has_what_others_wait_for_comes_first(tmp_path: Path) -> None:
    """A handler that keeps a lock while it asks its own server, before the client that waits for the handler."""
    file = tmp_path / "app.py"
    file.write_text("async def f():\n    async with lock:\n        await ask()\n    await ask()\nlock = 1\n")

    def task(name: str, line: int, column: int) -> Thread:
        return Thread(name, 0, 0, (Frame(str(file), line, "f", {}, column),), task=True)

    loop = Thread("MainThread", 1, 1, (Frame("/usr/lib/python3.13/asyncio/base_events.py", 1, "_run_once"),))
    found = diagnose(Dump(1, (loop, task("client", 4, 10), task("keeps", 3, 14), task("wants", 2, 15))))
    assert found is not None
    assert found.title == "keeps waits for ask()"
    assert found.cure.startswith("Keep nothing that others need")


def test_nothing_is_run_that_others_could_have_made(tmp_path: Path) -> None:
    file, me = tmp_path / "python", os.getuid()
    file.touch(0o755)
    assert is_trusted(str(file), me)
    file.chmod(0o757)
    assert not is_trusted(str(file), me)
    file.chmod(0o755)
    if me == 0:
        os.chown(file, 4711, -1)
        assert not is_trusted(str(file), 0)
    assert is_trusted(str(file), file.stat().st_uid)
    assert me == 0 or not is_trusted(str(file), me + 1)
