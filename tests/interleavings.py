"""Small concurrent programs made at random, and all that can come of each: found by an interpreter that knows nothing of plait.

A program is a list of steps for each thread, each step with its line of text. The interpreter takes one step of any
thread after the other, in every order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

HEAD = """\
import collections
import threading


class Shared:
    a = 0
    b = 0


s = Shared()
row = collections.deque([1])
lock, other = threading.Lock(), threading.Lock()
ready = threading.Condition()
flag = threading.Event()
units = threading.Semaphore(1)
"""
START = {"a": 0, "b": 0, "row": 1, "lock": -1, "other": -1, "ready": -1, "flag": 0, "units": 1}


class Step(NamedTuple):
    """One shared operation: what it is, of what, in which line."""

    does: str
    of: str
    line: int


class Program(NamedTuple):
    """The text of a script, and the steps of each of its threads; the main one starts and joins them."""

    text: str
    threads: tuple[tuple[Step, ...], ...]
    asserted: tuple[str, int] | None


class Ends(NamedTuple):
    """All that can come of a program.

    Attributes:
        outputs: what it can print at its end.
        failures: how it can fail: "hang", or the name of an exception and the line.
        loses: whether an update can be lost.
    """

    outputs: frozenset[str]
    failures: frozenset[tuple[str, int]]
    loses: bool


def made(seed: int) -> Program:
    """The program of this seed."""
    chance = random.Random(seed)
    lines = HEAD.splitlines()
    threads = []
    for number in range(chance.choice([2, 2, 3])):
        lines += ["", "", f"def work{number}():"]
        steps: list[Step] = []
        for _ in range(chance.randint(1, 3)):
            _add(chance.choice(_STATEMENTS), lines, steps)
        threads.append(tuple(steps))
    names = ", ".join(f"work{number}" for number in range(len(threads)))
    lines += ["", "", f"threads = [threading.Thread(target=work) for work in ({names},)]"]
    lines += ["for thread in threads:", "    thread.start()", "for thread in threads:", "    thread.join()"]
    lines += ["print(s.a, s.b, len(row))"]
    asserted = None
    if chance.random() < 0.5:
        asserted = "a", chance.randint(0, 2)
        lines.append(f"assert s.a == {asserted[1]}")
    return Program("\n".join(lines) + "\n", tuple(threads), asserted)


def _add(statement: str, lines: list[str], steps: list[Step]) -> None:
    for text in statement.splitlines():
        words, _, operations = text.partition("# ")
        lines.append(f"    {words.rstrip()}")
        steps += [Step(*one.split(":"), len(lines)) for one in operations.split()]  # type: ignore[arg-type]  # two words


# Each line with its steps.
_STATEMENTS = (
    "s.a += 1  # read:a write:a",
    "s.b = 2  # set:b",
    "seen = s.a  # read:a\ns.a = seen + 1  # write:a",
    "with lock:  # acquire:lock\n    s.a += 1  # read:a write:a release:lock",
    "with lock:  # acquire:lock\n    with other:  # acquire:other\n        s.b = 2  # set:b release:other release:lock",
    "with other:  # acquire:other\n    with lock:  # acquire:lock\n        s.a += 1  # read:a write:a release:lock release:other",
    (
        "with ready:  # acquire:ready\n    while s.b == 0:  # unless:b\n        ready.wait()  # wait:ready again:b\n    s.a = 5  "
        "# five:a release:ready"
    ),
    "with ready:  # acquire:ready\n    s.b = 2  # set:b\n    ready.notify()  # notify:ready release:ready",
    "flag.set()  # raise:flag",
    "flag.wait()  # await:flag",
    "with units:  # down:units\n    s.a += 1  # read:a write:a up:units",
    "units.acquire()  # down:units",
    "units.release()  # up:units",
    "row.append(3)  # append:row",
    "row.popleft()  # popleft:row",
)


class _State(NamedTuple):
    at: tuple[int, ...]  # the next step of each thread
    seen: tuple[tuple[int, bool], ...]  # what each has read last, and whether it has changed since
    waits: tuple[str, ...]  # "": no; "waiting", "notified"
    line: tuple[int, ...]  # those that wait for the condition, in order
    shared: tuple[tuple[str, int], ...]


def ends(program: Program) -> Ends:
    """All that can come of it."""
    count = len(program.threads)
    start = _State((0,) * count, ((0, False),) * count, ("",) * count, (), tuple(START.items()))
    known, open_ = {start}, [start]
    outputs, failures, loses = set(), set(), False
    while open_:
        state = open_.pop()
        following = list(_following(program, state))
        for one in following:
            if isinstance(one, _State):
                if one not in known:
                    known.add(one)
                    open_.append(one)
            elif one == "lost":
                loses = True
            else:
                failures.add(one)
        if following:
            continue
        shared = dict(state.shared)
        if any(at < len(steps) for at, steps in zip(state.at, program.threads, strict=True)):
            failures.add(("hang", 0))
        elif program.asserted is not None and shared[program.asserted[0]] != program.asserted[1]:
            failures.add(("AssertionError", len(program.text.splitlines())))
        else:
            outputs.add(f"{shared['a']} {shared['b']} {shared['row']}")
    return Ends(frozenset(outputs), frozenset(failures), loses)


def _following(program: Program, state: _State) -> Iterator[Any]:
    """The states that one step leads to, a failure as its name and line, and "lost" where an update is."""
    for me, steps in enumerate(program.threads):
        if state.at[me] == len(steps):
            continue
        step = steps[state.at[me]]
        turn = _Turn(state, me, step.of)
        try:
            goes = _DOES[step.does](turn)
        except LookupError as error:
            yield type(error).__name__, step.line
            continue
        if goes:
            if turn.lost:
                yield "lost"
            yield turn.after()


class _Turn:
    """One step of one thread: what it changes."""

    def __init__(self, state: _State, me: int, of: str) -> None:
        self.me, self.of = me, of
        self.at, self.seen, self.waits = list(state.at), list(state.seen), list(state.waits)
        self.line, self.shared = list(state.line), dict(state.shared)
        self.forward, self.lost = 1, False

    def after(self) -> _State:
        self.at[self.me] += self.forward
        return _State(tuple(self.at), tuple(self.seen), tuple(self.waits), tuple(self.line), tuple(self.shared.items()))

    def read(self) -> bool:
        self.seen[self.me] = self.shared[self.of], False
        return True

    def write(self) -> bool:
        value, self.lost = self.seen[self.me]
        return self.put(value + 1)

    def put(self, value: int) -> bool:
        self.shared[self.of] = value
        if self.of == "a":  # what is read is always that
            self.seen = [one if at == self.me else (one[0], True) for at, one in enumerate(self.seen)]
        return True

    def take(self) -> bool:
        if self.shared[self.of] >= 0:
            return False
        return self.put(self.me)

    def jump(self) -> bool:
        """Over the wait and the look behind it, if there is nothing to wait for."""
        self.forward = 3 if self.shared[self.of] else 1
        return True

    def again(self) -> bool:
        self.forward = 1 if self.shared[self.of] else -1
        return True

    def wait(self) -> bool:
        if not self.waits[self.me]:
            self.waits[self.me], self.forward = "waiting", 0
            self.line.append(self.me)
            return self.put(-1)
        if self.waits[self.me] == "waiting" or self.shared[self.of] >= 0:
            return False
        self.waits[self.me] = ""
        return self.put(self.me)

    def notify(self) -> bool:
        if self.line:
            self.waits[self.line.pop(0)] = "notified"
        return True

    def down(self) -> bool:
        return self.shared[self.of] > 0 and self.put(self.shared[self.of] - 1)

    def popleft(self) -> bool:
        if not self.shared[self.of]:
            raise IndexError("pop from an empty deque")
        return self.down()


_DOES: dict[str, Callable[[_Turn], bool]] = {
    "read": _Turn.read,
    "write": _Turn.write,
    "set": lambda turn: turn.put(2),
    "five": lambda turn: turn.put(5),
    "acquire": _Turn.take,
    "release": lambda turn: turn.put(-1),
    "unless": _Turn.jump,
    "again": _Turn.again,
    "wait": _Turn.wait,
    "notify": _Turn.notify,
    "raise": lambda turn: turn.put(1),
    "await": lambda turn: bool(turn.shared[turn.of]),
    "down": _Turn.down,
    "up": lambda turn: turn.put(turn.shared[turn.of] + 1),
    "append": lambda turn: turn.put(turn.shared[turn.of] + 1),
    "popleft": _Turn.popleft,
}
