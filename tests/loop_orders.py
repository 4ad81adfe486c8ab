"""Small programs of asyncio made at random, and all that can come of each: asyncio's own code on a loop that tries all.

The loop knows nothing of plait. Of what is ready it may run the first, or a task that was woken, or the next one that
begins; behind a plain callback nothing may go before it. Time goes on when nothing is ready. Each order is an
execution of its own, up to where the last choice that has an alternative is taken otherwise.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import io
import random
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any, NamedTuple, NoReturn

_MOST = 400  # orders of a program that are tried
_LONGEST = 500  # callbacks in one of them

_HEAD = """\
import asyncio


class Boom(Exception):
    pass


class Shared:
    a = 0
    b = 0


s = Shared()
lock, other, free = asyncio.Lock(), asyncio.Lock(), asyncio.Semaphore(1)
ready, flag, gate = asyncio.Condition(), asyncio.Event(), asyncio.Event()
items = asyncio.Queue({size})
both = asyncio.Barrier(2)
tasks = []


async def numbers():
    try:
        for n in range(2):
            await asyncio.sleep(0)
            yield n
    finally:
        s.b += 1


async def add():
    x = s.a
    await asyncio.sleep(0)
    s.a = x + 1


async def holds():
    try:
        async with lock:
            await asyncio.sleep({seconds})
            s.a += 1
    except asyncio.CancelledError:
        s.b += 10
        raise


async def fails():
    await asyncio.sleep(0)
    raise Boom
"""
_TAIL = """


async def main():
    asyncio.get_running_loop().call_later(0.001, gate.set)
{body}


asyncio.run(main())
print("END", s.a, s.b, list(items._queue), lock.locked(), free._value)
"""
_ENDINGS = (
    "for work in works:\n    tasks.append(asyncio.create_task(work()))\nawait asyncio.wait(tasks)",
    "for work in works:\n    tasks.append(asyncio.create_task(work()))\nfor task in tasks:\n    await task",
    "print(await asyncio.gather(*[work() for work in works], return_exceptions=True))",
    (
        "try:\n    async with asyncio.TaskGroup() as group:\n        for work in works:\n"
        "            tasks.append(group.create_task(work()))\nexcept* Boom:\n    s.b += 100"
    ),
    (
        "for work in works:\n    tasks.append(asyncio.create_task(work()))\ntry:\n    async with asyncio.timeout(2.5):\n"
        "        await asyncio.gather(*tasks)\nexcept TimeoutError:\n    s.b += 200"
    ),
)
_STATEMENTS = (
    "await add()",
    "s.a += 1",
    "if s.a == 0:\n    await asyncio.sleep(0)\n    s.a = 1",
    "async with lock:\n    await add()",
    "async with lock:\n    async with other:\n        s.b += 1",
    "async with other:\n    async with lock:\n        s.b += 2",
    "await holds()",
    "await lock.acquire()\ns.b += 1\nlock.release()",
    "async with free:\n    await add()",
    "async with ready:\n    while s.b == 0:\n        await ready.wait()\n    s.b -= 1",
    "async with ready:\n    s.b += 1\n    ready.notify()",
    "flag.set()",
    "await flag.wait()",
    "await items.put(1)",
    "await items.get()",
    "if not items.empty():\n    await asyncio.sleep(0)\n    items.get_nowait()",
    "await both.wait()",
    "await asyncio.sleep({seconds})",
    "tasks[0].cancel()",
    "tasks[-1].cancel()",
    "if tasks[-1] is not asyncio.current_task():\n    await asyncio.wait([tasks[-1]])",
    "try:\n    await asyncio.wait_for({leaf}, {seconds})\nexcept TimeoutError:\n    s.b += 1",
    "try:\n    async with asyncio.timeout({seconds}):\n        await {leaf}\nexcept TimeoutError:\n    s.b += 1",
    "try:\n    await asyncio.shield(asyncio.ensure_future({leaf}))\nexcept asyncio.CancelledError:\n    s.b += 5\n    raise",
    (
        "try:\n    async with asyncio.TaskGroup() as inner:\n        inner.create_task({leaf})\n        inner.create_task({leaf})\n"
        "except* Boom:\n    s.b += 1"
    ),
    "await asyncio.gather({leaf}, {leaf}, return_exceptions=True)",
    "async for n in numbers():\n    s.a += n",
    "assert s.a < 2",
    "raise Boom",
)
_LEAVES = ("add()", "holds()", "fails()", "flag.wait()", "items.get()", "lock.acquire()", "asyncio.sleep(0)")

End = tuple[str, *tuple[object, ...]]


class Ends(NamedTuple):
    """What can come of a program, and whether that is all.

    An end is ("end", what it prints last), ("hang", its tasks), ("unasked", "") for an exception that nobody has asked a
    task for, or the name of an exception.
    """

    found: frozenset[End]
    whole: bool


def made(seed: int) -> str:
    """The text of the program of this seed."""
    chance = random.Random(seed)
    seconds = [0.31, 0.57, 0.83, 1.13, 1.71, 2.39, 3.07, 4.19, 5.23, 7.43] * 4
    parts = [_HEAD.format(size=chance.choice([0, 1]), seconds=chance.choice([0, 0.43]))]
    count = chance.choice([2, 2, 3])
    opened = chance.random() < 0.7
    for number in range(count):
        parts.append(f"\n\nasync def work{number}():\n" + "    await gate.wait()\n" * opened)
        for _ in range(chance.randint(1, 3)):
            statement = chance.choice(_STATEMENTS)
            while "{" in statement:
                leaf = chance.choice(_LEAVES)
                statement = statement.replace("{leaf}", leaf, 1).replace("{seconds}", str(seconds.pop(0)), 1)
            parts.append(_indented(statement))
    parts.append(f"\n\nworks = [{', '.join(f'work{number}' for number in range(count))}]\n")
    return "".join(parts) + _TAIL.format(body=_indented(chance.choice(_ENDINGS)).rstrip())


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def ends(text: str, file: str) -> Ends:
    """All that can come of it, as far as it has been tried."""
    code = compile(text, file, "exec")
    path: list[list[int]] = []
    found, tried = set(), 0
    run, hook = asyncio.run, sys.unraisablehook
    sys.unraisablehook = lambda _: None  # coroutines that are cut off may complain
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while tried < _MOST:
                tried += 1
                found.add(_performed(code, path))
                while path and path[-1][0] + 1 == path[-1][1]:
                    path.pop()
                if not path:
                    break
                path[-1][0] += 1
            gc.collect()
    finally:
        asyncio.run, sys.unraisablehook = run, hook
    return Ends(frozenset(found), not path)


def _performed(code: Any, path: list[list[int]]) -> End:
    loop = _Loop(path)

    def run(main: Any) -> Any:
        runner = asyncio.Runner(loop_factory=lambda: loop)
        try:
            return runner.run(main)
        finally:
            if loop.stuck is None:  # else that would cancel the tasks, and go on
                runner.close()

    asyncio.run = run
    output = io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(io.StringIO()):
            exec(code, {"__name__": "__main__"})
    except BaseException as error:
        return ("hang", loop.stuck) if loop.stuck is not None else (type(error).__name__, "")
    finally:
        loop.cut_off()
    kept = (task._exception for task in loop.made if task._log_traceback)
    if loop.unasked or any(isinstance(error, Exception) for error in kept):
        return "unasked", ""
    return "end", last(output.getvalue())


def last(output: str) -> str:
    """What a program has printed at its end."""
    return next((line for line in reversed(output.splitlines()) if line.startswith("END")), "")


class _Task(asyncio.Task):
    """A `TaskGroup` cancels its tasks in the order of a set: here the one in which they were made."""

    def __init__(self, coro: Any, number: int, **options: Any) -> None:
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


class _Loop(asyncio.SelectorEventLoop):
    """Takes the turns of `path`, and the first everywhere else, which it adds."""

    def __init__(self, path: list[list[int]]) -> None:
        super().__init__()
        self.unasked = False
        self.stuck: tuple[str, ...] | None = None
        self.made: list[asyncio.Task[Any]] = []
        self._path, self._at, self._now, self._left = path, 0, 1000.0, _LONGEST
        self._begun: set[asyncio.Task[Any]] = set()
        self.set_task_factory(self._make)

    def _make(self, _: object, coro: Any, **options: Any) -> asyncio.Task[Any]:
        name = options.pop("name", None) or f"Task-{len(self.made) + 1}"
        task = _Task(coro, len(self.made), loop=self, name=name, **options)
        self.made.append(task)
        return task

    def time(self) -> float:
        return self._now

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What nobody has asked a future for."""
        self.unasked = self.unasked or isinstance(context.get("exception"), Exception)

    def _run_once(self) -> None:
        self._left -= 1
        if not self._left:
            self._hang()
        self._due()
        while self._ready and self._ready[0].cancelled():
            self._ready.popleft()
        if not self._ready and not self._stopping:
            while self._scheduled and self._scheduled[0].cancelled():
                heapq.heappop(self._scheduled)
            if not self._scheduled:
                self._hang()
            self._now = max(self._now, self._scheduled[0].when())
            self._due()
        candidates = self._candidates()
        if candidates:
            handle = candidates[self._choice(len(candidates))]
            self._ready.remove(handle)
            self._begun.add(_task(handle))
            handle._run()

    def _hang(self) -> NoReturn:
        self.stuck = tuple(sorted(task.get_name() for task in self.made if not task.done()))
        raise SystemExit

    def _due(self) -> None:
        while self._scheduled and (self._scheduled[0].cancelled() or self._scheduled[0].when() <= self._now + 1e-9):
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False
            self._ready.append(timer)

    def _candidates(self) -> list[asyncio.Handle]:
        handles = [handle for handle in self._ready if not handle.cancelled()]
        found: dict[asyncio.Task[Any], asyncio.Handle] = {}
        begins = False
        for at, handle in enumerate(handles):
            task = _task(handle)
            if task is None:
                return list(found.values()) or [handle]
            begun = task in self._begun
            in_order = begun and "Step" in type(handle._callback).__name__
            if task not in found and (at == 0 or not in_order) and (begun or not begins):
                found[task] = handle
            begins = begins or not begun
        return list(found.values())

    def _choice(self, count: int) -> int:
        if count == 1:
            return 0
        if self._at == len(self._path):
            self._path.append([0, count])
        self._at += 1
        return self._path[self._at - 1][0]

    def cut_off(self) -> None:
        for task in self.made:
            task._log_destroy_pending = False
            if not task.done():
                with suppress(BaseException):
                    task.get_coro().close()
        self._ready.clear()
        self._scheduled.clear()
        if not self.is_closed():
            asyncio.events._set_running_loop(None)
            self.close()


def _task(handle: asyncio.Handle) -> Any:
    task = getattr(handle._callback, "__self__", None)
    return task if isinstance(task, asyncio.Task) else None
