"""What is wrong with a program, said so that it can be told, drawn and written to files: the type `Finding`."""

from __future__ import annotations

from typing import NamedTuple

from plait._check.record import Frame
from plait._core.event import Site

FAILS = "fails: "  # how the last moment begins when an exception ends it
JOINS = "waits for the end of "  # how that of a thread begins that only waits for another one


class Moment(NamedTuple):
    """One row of the timeline: what one thread does where.

    Attributes:
        thread: its number.
        site: where in the user's source; None when it is not known.
        does: in words, "reads value"; it stands beside the line.
        held: the names of the locks that the thread holds meanwhile.
        at: the index of its event; -1 where it is none.
    """

    thread: int
    site: Site | None
    does: str
    held: tuple[str, ...] = ()
    at: int = -1


class Side(NamedTuple):
    """One of the threads that together make the defect: its number and name, what it does, where, how it came there.

    `stack` has the user's own frames, outermost first; it is empty where only the line is known.
    """

    thread: int
    name: str
    does: str
    site: Site | None
    stack: tuple[Frame, ...] = ()


class Finding(NamedTuple):
    """One defect.

    Attributes:
        kind: one of `KINDS`.
        title: a few words for a headline: the kind and what it is about.
        why: one or two sentences that say why it is wrong.
        fix: what to change.
        sides: the threads that take part, the one that suffers first.
        moments: the timeline, in the order of the execution.
        confirmed: whether an execution failed by it; otherwise it is predicted from one that passed.
        gil: whether a build with the GIL can do it; None when it cannot be told.
        reason: why it can or cannot, half a sentence; "" where the GIL has nothing to do with it.
        certain: whether the cause is recognised; False when only the failure itself is known.
        threads: numbers and names of the threads in the timeline, in the order of their lanes.
    """

    kind: str
    title: str
    why: str
    fix: str
    sides: tuple[Side, ...] = ()
    moments: tuple[Moment, ...] = ()
    confirmed: bool = True
    gil: bool | None = True
    reason: str = ""
    certain: bool = True
    threads: tuple[tuple[int, str], ...] = ()

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """What the defect is called by others: CWE, Go, ThreadSanitizer, Java."""
        return KINDS[self.kind]

    @property
    def builds(self) -> str:
        """On which builds of Python it can happen, as a sentence without its full stop."""
        if self.gil is None:
            return "Not known whether a build with the GIL can do it"
        if self.gil and not self.reason:
            return "Possible on a GIL build and on a free-threaded one"
        return f"{'Possible on a GIL build' if self.gil else 'Only on a free-threaded build'}: {self.reason}"

    @property
    def site(self) -> Site | None:
        """The place to open first: where the thread that suffers is."""
        places = [*(side.site for side in self.sides), *(moment.site for moment in self.moments)]
        return next((site for site in places if site is not None), None)


_RACE = ("CWE-362", "Go: DATA RACE", "TSan: data race")
_DEADLOCK = ("CWE-833", "Go: all goroutines are asleep - deadlock!")
_LOST_WAKEUP = ("CWE-833", "Go: missed signal", "Java: naked notify")
_LEAK = ("CWE-772", "Java: UL_UNRELEASED_LOCK")

# Each kind with its names elsewhere.
KINDS: dict[str, tuple[str, ...]] = {
    "lost update": (*_RACE, "CWE-567", "Java: non-atomic read-modify-write"),
    "data race": (*_RACE, "CWE-567", "Java: non-atomic read-modify-write"),
    "check then act": (*_RACE, "CWE-367 (time of check, time of use)", "Java: check-then-act"),
    "non-repeatable read": ("CWE-362", "atomicity violation", "SQL: non-repeatable read"),
    "changed after the write": ("CWE-362", "atomicity violation"),
    "broken invariant": ("CWE-362", "atomicity violation", "SQL: dirty read"),
    "lock released in between": ("CWE-362", "CWE-667", "atomicity violation", "SQL: lost update"),
    "changed while iterated": ("CWE-362", "Go: concurrent map iteration and map write", "Java: fail-fast iterator"),
    "shared iterator": ("CWE-362", "Java: iterators are not thread-safe"),
    "used before ready": ("CWE-909", "order violation", "CWE-362"),
    "used after the end": ("CWE-672", "order violation", "TSan: use-after-free (race)"),
    "wrong order": ("CWE-362", "order violation"),
    "deadlock": (*_DEADLOCK, "TSan: lock-order-inversion", "Java: deadlock, lock ordering"),
    "self-deadlock": ("CWE-833", "CWE-764", "TSan: double lock"),
    "waits for itself": (*_DEADLOCK, "Java: thread starvation deadlock"),
    "lost wake-up": _LOST_WAKEUP,
    "notify too few": ("CWE-833", "Java: NO_NOTIFY_NOT_NOTIFYALL"),
    "wait without loop": ("CWE-362", "Java: WA_NOT_IN_LOOP"),
    "missing task_done": ("CWE-833", "Go: WaitGroup misuse, missing Done"),
    "never released": (*_LEAK, "CWE-667"),
    "nobody sets it": ("CWE-833", "Go: missed signal"),
    "barrier short of parties": ("CWE-833", "Java: BrokenBarrier"),
    "nothing comes": ("CWE-833", "Go: goroutine leak, blocked channel receive"),
    "depends on the schedule": ("CWE-362", "nondeterminism", "Go: flaky output"),
    "called instead of handed over": ("CWE-628",),
    "never awaited": ("CWE-252", "Python: coroutine was never awaited"),
    "collected while it runs": ("CWE-672", "Python: Task was destroyed but it is pending"),
    "still running at the end": ("CWE-362", "order violation"),
    "loop used from another thread": ("CWE-662", "asyncio debug mode: Non-thread-safe operation"),
    "blocks the loop": ("CWE-833", "asyncio: slow callback"),
    "lock held across an await": (*_DEADLOCK, "CWE-667"),
    "hang": ("CWE-833",),
    "no end": ("CWE-835", "livelock"),
    "fails under a schedule": ("CWE-362",),
    "fails under every schedule": ("CWE-248", "Python: Traceback (most recent call last)"),
    "died": ("CWE-362",),
}
