"""The tasks of event loops in another process before CPython 3.14, read out of its memory; nothing is run there.

It is run as a program by the process's own executable, hence of the same version: what is where in an object is
learnt from objects of its own, whose parts it knows. Imports nothing of plait. Given are the process and objects of
asyncio in it, each with the name of one of its methods: ``140112:run_forever``. Prints the tasks, as `remote` has
them, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import weakref
from collections.abc import AsyncGenerator, Iterator
from functools import lru_cache
from types import CodeType
from typing import Any

_WORD = 8
_MOST = 100_000  # entries of a table: what has more is none
_DEEPEST = 200  # frames
_LETTERS = sys.getsizeof("") - 1, sys.getsizeof("\u4e2d\u6587") - 6  # where those of ASCII begin, and those of others
_BYTES = sys.getsizeof(b"") - 1
_CANCELS = 3
_OF_TASKS = ("_all_tasks", "_scheduled_tasks", "_eager_tasks")  # of the module asyncio.tasks
_WITH_FRAMES = ("coroutine", "generator", "async_generator")


class Memory:
    """What is in the memory of a process. Each method raises OSError or ValueError where nothing of that kind is."""

    def __init__(self, pid: int | str) -> None:
        self._file = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        self._types: dict[int, str] = {}

    def read(self, address: int, size: int) -> bytes:
        """So many bytes; fewer where the rest is not there."""
        if not 0 < address < 1 << 62 or not 0 <= size < 1 << 24:
            raise ValueError(f"{address:#x} is no address")
        return os.pread(self._file, size, address)

    def number(self, address: int, size: int = 4) -> int:
        """A whole number with a sign."""
        return int.from_bytes(self.read(address, size), sys.byteorder, signed=True)

    def word(self, address: int) -> int:
        """An address or a count."""
        return int.from_bytes(self.read(address, _WORD), sys.byteorder)

    def type_of(self, thing: int) -> str:
        """The name of an object's class, without its module."""
        return self.name_of(self.word(thing + _WORD))

    def name_of(self, cls: int) -> str:
        """The name of a class, without its module."""
        if cls not in self._types:
            name = self.read(self.word(cls + 3 * _WORD), 200).partition(b"\0")[0]
            self._types[cls] = name.decode(errors="replace").rpartition(".")[2]
        return self._types[cls]

    def text(self, thing: int) -> str:
        """A string."""
        length, state = self.word(thing + 2 * _WORD), self.number(thing + 4 * _WORD)
        size, ascii_only = state >> 2 & 7, state >> 6 & 1
        if self.type_of(thing) != "str" or size not in (1, 2, 4):
            raise ValueError(f"{thing:#x} is no string")
        coding = "latin-1" if size == 1 else f"utf-{8 * size}-{sys.byteorder[0]}e"
        return self.read(thing + _LETTERS[not ascii_only], length * size).decode(coding)

    def data(self, thing: int) -> bytes:
        """A string of bytes."""
        return self.read(thing + _BYTES, self.word(thing + 2 * _WORD))

    def items(self, thing: int) -> list[int]:
        """What is in a tuple."""
        return [self.word(thing + (3 + at) * _WORD) for at in range(min(self.word(thing + 2 * _WORD), _MOST))]

    def entries(self, thing: int) -> list[int]:
        """What is in a list."""
        count, first = self.word(thing + 2 * _WORD), self.word(thing + 3 * _WORD)
        return [self.word(first + at * _WORD) for at in range(min(count, _MOST))]

    def members(self, thing: int) -> list[int]:
        """What is in a set, and what has been."""
        entries, table = self.word(thing + 4 * _WORD) + 1, self.word(thing + 5 * _WORD)
        return [key for at in range(min(entries, _MOST)) if (key := self.word(table + 2 * _WORD * at))]

    def value(self, table: int, name: str) -> int:
        """What a dictionary has under a name; 0 for nothing."""
        keys = self.word(table + 4 * _WORD)
        _, index_bytes, kind = self.read(keys + _WORD, 3)
        first, size = keys + 4 * _WORD + (1 << index_bytes), (2 if kind else 3) * _WORD
        for end in range(first + size, first + size * (min(self.word(keys + 3 * _WORD), _MOST) + 1), size):
            key, value = self.word(end - 2 * _WORD), self.word(end - _WORD)
            if key and value and self.type_of(key) == "str" and self.text(key) == name:
                return value
        return 0


OWN = Memory("self")


class Layout:
    """How far into an object its parts are, as those of this process have it."""

    def __init__(self) -> None:
        code = _probe.__code__
        self.filename, self.qualname = where(code, code.co_filename), where(code, code.co_qualname)
        self.lines, self.names = where(code, code.co_linetable), _where_names(code)
        self.first_line = _where_first_line(code, _probe_of_many.__code__)
        self.globals, self.module = where(_probe, _probe.__globals__), where(asyncio, vars(asyncio))
        self.attributes = where(_Awaited, gc.get_referents(vars(_Awaited))[0])
        self.base = where(_Derived, _Awaited)
        target, group = _Awaited(), weakref.WeakSet[_Awaited]()
        self.referent = where(weakref.ref(target), target)
        self.group = _way(group, group.data)  # type: ignore[attr-defined]  # the set that it is made of
        rows = _rows()
        waiting = (rows.__anext__(), rows.aclose(), anext(rows, None), _probe(target).__await__())
        self.between = {type(one).__name__: where(one, gc.get_referents(one)[0]) for one in waiting}
        self._frames(target)
        asyncio.run(self._tasks())

    def _frames(self, target: _Awaited) -> None:
        few: Any = _probe(target)
        many: Any = _probe_of_many(target)
        before = OWN.read(id(few), few.__sizeof__())
        for one in (few, many):
            one.send(None)
        during, code = OWN.read(id(few), few.__sizeof__()), few.cr_code
        self.code = where(few, code)
        inside = range(id(code) + 1, id(code) + code.__sizeof__())
        self.next = next(at for at in range(self.code, len(during), _WORD) if OWN.word(id(few) + at) in inside)
        self.begin = OWN.word(id(few) + self.next) - id(code) - few.cr_frame.f_lasti
        counts = [one.cr_code.co_nlocals for one in (few, many)]
        self.variables = where(few, few.cr_await) - counts[0] * _WORD
        if self.variables != where(many, many.cr_await) - counts[1] * _WORD:
            raise ValueError("what is awaited is not on the stack")
        tops = range(self.code, self.variables, 4)
        self.top = next(
            at for at in tops if [OWN.number(id(one) + at) for one in (few, many)] == [one + 1 for one in counts]
        )
        for one in (few, many):
            one.close()
        after = OWN.read(id(few), few.__sizeof__())
        states = [[each - 256 if each > 127 else each for each in data] for data in (before, during, after)]
        self.state = next(
            at for at, (new, suspended, ended) in enumerate(zip(*states, strict=True))
            if at >= 2 * _WORD and -4 < new < suspended < 0 < ended < 5
        )  # fmt: skip

    async def _tasks(self) -> None:
        task = asyncio.ensure_future(_probe(asyncio.get_running_loop().create_future()))
        self.coroutine, self.name = where(task, task.get_coro()), where(task, task.get_name())
        await asyncio.sleep(0)
        self.waiter = where(task, task._fut_waiter)  # type: ignore[attr-defined]  # what it waits for
        self.result = _where_state(asyncio.get_running_loop())
        gathered: Any = asyncio.gather(asyncio.get_running_loop().create_future())
        tables = [one for one in gc.get_referents(gathered) if type(one) is dict]  # it shows none as __dict__
        self.gathered = _way(gathered, tables[0]) if tables else ()
        self.gathered += _way([*tables, gathered][0], gathered._children)
        self.children = _way(group := asyncio.TaskGroup(), group._tasks)
        (outer := asyncio.get_running_loop().create_future()).add_done_callback(told := lambda _: gathered)
        self.callback = where(outer, told)
        self.closure, self.called = where(told, told.__closure__), where(told, told.__qualname__)
        size = task.__sizeof__()
        before = [OWN.number(id(task) + at) for at in range(0, size - 3, 4)]
        for _ in range(_CANCELS):
            task.cancel()
        after = [OWN.number(id(task) + at) for at in range(0, size - 3, 4)]
        self.cancels = 4 * next(
            at for at, one in enumerate(zip(before, after, strict=True)) if one == (0, task.cancelling())
        )


def _where_state(loop: asyncio.AbstractEventLoop) -> int:
    """Where a future has its state, which is 0 for one that is pending."""
    pending, cancelled, ended = (loop.create_future() for _ in range(3))
    cancelled.cancel()
    ended.set_result(None)
    places = range(2 * _WORD, pending.__sizeof__() - 3, 4)
    return next(at for at in places if [OWN.number(id(one) + at) for one in (pending, cancelled, ended)] == [0, 1, 2])


def where(owner: object, part: object) -> int:
    """The last place in an object that refers to another one.

    >>> OWN.word(id(asyncio) + where(asyncio, vars(asyncio))) == id(vars(asyncio))
    True
    """
    data = OWN.read(id(owner), sys.getsizeof(owner))
    found = [at for at in range(0, len(data) - _WORD + 1, _WORD) if OWN.word(id(owner) + at) == id(part)]
    if not found:
        raise ValueError(f"a {type(owner).__name__} does not refer to a {type(part).__name__}")
    return found[-1]


def _where_first_line(*codes: CodeType) -> int:
    places = range(2 * _WORD, sys.getsizeof(codes[0]), 4)
    return next(at for at in places if all(OWN.number(id(one) + at) == one.co_firstlineno for one in codes))


def _where_names(code: CodeType) -> int:
    """The tuple of all variables' names in code, which no attribute of it has."""
    for at in range(2 * _WORD, sys.getsizeof(code), _WORD):
        try:
            part = OWN.word(id(code) + at)
            if OWN.type_of(part) == "tuple" and list(map(OWN.text, OWN.items(part))) == list(code.co_varnames):
                return at
        except (OSError, ValueError):  # no object
            continue
    raise ValueError("code without the names of its variables")


def _way(owner: object, part: object) -> tuple[int, ...]:
    """The way from an instance to one of its attributes: beside it, or by way of what it refers to."""
    around = range(-4 * _WORD, 16 * _WORD, _WORD)
    for at in around:
        if OWN.word(id(owner) + at) == id(part):
            return (at,)
    for at in around:
        for further in around:
            try:
                if OWN.word((OWN.word(id(owner) + at) & ~7) + further) == id(part):
                    return at, further
            except (OSError, ValueError):  # no address
                continue
    raise ValueError("an instance without attributes")


class Reader:
    """Reads the tasks of a process."""

    def __init__(self, pid: int, layout: Layout) -> None:
        self._memory, self._layout = Memory(pid), layout
        self._place_of = lru_cache(maxsize=None)(self._place)  # thousands of tasks stand in a few places
        self._names_of = lru_cache(maxsize=None)(self._names)

    def tasks(self, root: int, method: str) -> Iterator[list[Any]]:
        """Those that the module has which an object's method is of: name, frames, and so on."""
        memory, layout = self._memory, self._layout
        cls = memory.word(root + _WORD)
        while not (function := memory.value(memory.word(cls + layout.attributes), method)):
            cls = memory.word(cls + layout.base)
        module = memory.value(memory.word(function + layout.globals), "tasks")
        names = memory.word(module + layout.module)
        for group in filter(None, (memory.value(names, name) for name in _OF_TASKS)):
            for task in self._members(group):
                try:
                    if task and self._is_a(task, "Task"):
                        yield from self._task(task)
                except (OSError, ValueError):  # it has ended meanwhile
                    continue

    def _members(self, group: int) -> list[int]:
        memory, layout = self._memory, self._layout
        if memory.type_of(group) == "set":
            return memory.members(group)
        members = memory.members(self._part(group, layout.group))
        found = [one for one in members if memory.type_of(one) == "ReferenceType"]
        return [memory.word(one + layout.referent) for one in found]

    def _is_a(self, thing: int, *names: str) -> bool:
        """Whether it is of a class of asyncio's, or one that a program has made of that."""
        cls = self._memory.word(thing + _WORD)
        while cls:
            if self._memory.name_of(cls) in names:
                return True
            cls = self._memory.word(cls + self._layout.base)
        return False

    def _task(self, task: int) -> Iterator[list[Any]]:
        memory, layout = self._memory, self._layout
        coroutine, waiter = memory.word(task + layout.coroutine), memory.word(task + layout.waiter)
        state = memory.number(coroutine + layout.state, 1)
        if state > 0:
            return
        frames = [*self._frames(coroutine)]
        others, first = self._awaited(waiter, frames) if waiter else ([], False)
        waits = waiter and not (self._is_a(waiter, "Future", "Task") and memory.number(waiter + layout.result))
        turn = "current" if state == 0 else "" if waits else "ready"
        cancelled = memory.number(task + layout.cancels) > 0 and not turn
        yield [self._name(task), frames[::-1], not others, cancelled, turn, task, others, first]

    def _awaited(self, waiter: int, frames: list[list[Any]]) -> tuple[list[int], bool]:
        """The tasks that end the wait for a future, or that are waited for there; whether the first that ends does."""
        memory, layout = self._memory, self._layout
        inner = frames[-1][4] if frames and f"asyncio{os.sep}" in frames[-1][0] else {}
        kind, owner = inner.get("self", ("", 0))
        row = self._part(owner, layout.children) if kind == "TaskGroup" else inner["fs"][1] if "fs" in inner else 0
        found = [inner["fut"][1] if "fut" in inner else waiter, *(memory.members(row) if row else ())]
        first = "return_when" in inner and memory.text(inner["return_when"][1]) == asyncio.FIRST_COMPLETED
        for each in found:
            if memory.type_of(each) == "_GatheringFuture":
                found += memory.entries(self._part(each, layout.gathered))
            elif memory.type_of(each) == "Future":
                found += self._shielded(each)
        tasks = [one for one in found if self._is_a(one, "Task") and not memory.number(one + layout.result)]
        return (tasks, first) if not first or all(one in tasks for one in found[1:]) else ([], False)

    def _part(self, owner: int, way: tuple[int, ...]) -> int:
        for further in way:
            owner = self._memory.word((owner & ~7) + further)
        return owner

    def _shielded(self, future: int) -> list[int]:
        """The future that `asyncio.shield` protects, if this one is what it returned."""
        memory, layout = self._memory, self._layout
        call = memory.word(future + layout.callback)
        function = call and memory.type_of(call) == "function" and memory.text(memory.word(call + layout.called))
        if function != "shield.<locals>._outer_done_callback":
            return []
        found = [memory.word(cell + 2 * _WORD) for cell in memory.items(memory.word(call + layout.closure))]
        return [one for one in found if self._is_a(one, "Future", "Task")]

    def _name(self, task: int) -> str:
        name = self._memory.word(task + self._layout.name)
        if self._memory.type_of(name) == "int":  # of which no name has been made yet
            return f"Task-{self._memory.number(name + 3 * _WORD)}"
        return self._memory.text(name)

    def _frames(self, awaited: int) -> Iterator[list[Any]]:
        """Outermost first."""
        memory, layout = self._memory, self._layout
        for _ in range(_DEEPEST):
            kind = memory.type_of(awaited)
            if kind in layout.between:
                awaited = memory.word(awaited + layout.between[kind])
                continue
            state = memory.number(awaited + layout.state, 1) if kind in _WITH_FRAMES else 1
            if state > 0:
                return
            code = memory.word(awaited + layout.code)
            instruction = memory.word(awaited + layout.next) - code - layout.begin
            file, name, line, column = self._place_of(code, instruction)
            variables = dict(self._variables(awaited, code))
            yield [file, line, name, column, variables]
            top = memory.number(awaited + layout.top)
            if state == 0 or instruction < 0 or not 0 < top < _MOST:
                return
            awaited = memory.word(awaited + layout.variables + (top - 1) * _WORD)
            if not awaited:
                return

    def _variables(self, frame: int, code: int) -> Iterator[tuple[str, tuple[str, int]]]:
        for at, name in enumerate(self._names_of(code)):
            thing = self._memory.word(frame + self._layout.variables + at * _WORD)
            while thing and self._memory.type_of(thing) == "cell":
                thing = self._memory.word(thing + 2 * _WORD)
            if thing:
                yield name, (self._memory.type_of(thing), thing)

    def _names(self, code: int) -> list[str]:
        return [*map(self._memory.text, self._memory.items(self._memory.word(code + self._layout.names)))]

    def _place(self, code: int, instruction: int) -> tuple[str, str, int, int]:
        """The file, the function, the line and the column in it that an instruction is of."""
        names = (self._layout.filename, self._layout.qualname)
        file, name = (self._memory.text(self._memory.word(code + at)) for at in names)
        first = self._memory.number(code + self._layout.first_line)
        nothing = bytes([9, 0]) * (max(instruction, 0) // 2 + 1)
        table = self._memory.data(self._memory.word(code + self._layout.lines))
        copy = _empty.__code__.replace(co_firstlineno=first, co_linetable=table, co_code=nothing)
        line, _, column, _ = [*copy.co_positions()][max(instruction, 0) // 2]
        return file, name, line or first, -1 if column is None else column


class _Awaited:
    def __await__(self) -> Iterator[None]:
        yield


class _Derived(_Awaited):
    pass


async def _probe(awaited: Any) -> None:
    await awaited


async def _probe_of_many(awaited: Any) -> None:
    first = second = third = awaited
    await (first or second or third)


async def _rows() -> AsyncGenerator[int, None]:
    yield 1


def _empty() -> None:
    pass


if __name__ == "__main__":
    reader = Reader(int(sys.argv[1]), Layout())
    roots = [root.partition(":") for root in sys.argv[2:]]
    found = next(filter(None, ([*reader.tasks(int(address), method)] for address, _, method in roots)), [])
    print(json.dumps(found))
