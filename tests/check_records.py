"""Builds records of executions by hand: source as text, events by thread, line and what stands there."""

from __future__ import annotations

import ast

from plait._check.reading.source import Sources
from plait._check.record import Blocked, Failure, Frame, Place, Record, Switch, ThreadInfo
from plait._core.event import Event, Kind, Site

FILE = "/app/bank.py"


class Recording:
    """Events in the order of the calls; objects are numbered by the names given to them."""

    def __init__(self, source: str, threads: int = 3, names: dict[int, str] | None = None) -> None:
        self.source = source.strip("\n") + "\n"
        self.lines = self.source.splitlines()
        self.tree = ast.parse(self.source)
        self.events: list[Event] = []
        self.places: dict[int, Place] = {}
        self.numbers: dict[str, int] = {}
        names = names or {}
        self.threads = [
            ThreadInfo(n, names.get(n, "MainThread" if not n else f"Thread-{n}"), "thread", 0 if n else -1, None)
            for n in range(threads)
        ]

    @property
    def sources(self) -> Sources:
        return Sources(lambda file: self.lines if file == FILE else [])

    def site(self, line: int | None, text: str = "") -> Site | None:
        if line is None:
            return None
        whole = self.lines[line - 1]
        column = whole.index(text) if text else len(whole) - len(whole.lstrip())
        end = column + len(text or whole.strip())
        return Site(FILE, line, column, line, end, self._function(line), text)

    def place(self, name: str, label: str = "object", made: int | None = None) -> int:
        if name not in self.numbers:
            number = self.numbers[name] = len(self.numbers)
            self.places[number] = Place(label, self.site(made))
        return self.numbers[name]

    def read(self, thread: int, line: int, text: str, *, of: str = "it", name: str = "") -> int:
        return self.add(thread, Kind.READ, self.place(of), name or text, self.site(line, text))

    def write(self, thread: int, line: int, text: str, *, of: str = "it", name: str = "") -> int:
        return self.add(thread, Kind.WRITE, self.place(of), name or text, self.site(line, text))

    def acquire(self, thread: int, line: int | None, lock: str = "lock") -> int:
        return self.add(thread, Kind.ACQUIRE, self.place(lock, "Lock"), "", self.site(line))

    def release(self, thread: int, line: int | None, lock: str = "lock") -> int:
        return self.add(thread, Kind.RELEASE, self.place(lock, "Lock"), "", self.site(line))

    def start(self, thread: int, child: int, line: int | None = None) -> int:
        return self.add(thread, Kind.START, child, "", self.site(line))

    def join(self, thread: int, child: int, line: int | None = None) -> int:
        return self.add(thread, Kind.JOIN, child, "", self.site(line))

    def end(self, thread: int) -> int:
        return self.add(thread, Kind.END, thread, "", None)

    def enter(self, thread: int, line: int) -> int:
        return self.add(thread, Kind.ENTER, -1, "", self.site(line))

    def started(self, *children: int) -> Recording:
        for child in children:
            self.start(0, child)
        return self

    def add(self, thread: int, kind: Kind, place: int, name: str, site: Site | None) -> int:
        self.events.append(Event(thread, kind, place, name, site))
        return len(self.events) - 1

    def failed(self, thread: int, line: int, error: BaseException) -> Failure:
        frame = Frame(FILE, line, self._function(line), True)
        return Failure("exception", f"{type(error).__name__}: {error}", thread, error, (frame,), ())

    def blocked(
        self, thread: int, line: int, *library: str, lock: str = "waiter", holder: int = -1, joins: int = -1
    ) -> Blocked:
        """A stuck thread: the user's line, then frames of the library as ``threading.py:Condition.wait``."""
        frames = [Frame(FILE, line, self._function(line), True)]
        for one in library:
            file, _, function = one.partition(":")
            frames.append(Frame(f"/lib/{file}", 1, function, False))
        kind, place = (Kind.JOIN, joins) if joins >= 0 else (Kind.ACQUIRE, self.place(lock, "Lock"))
        record = self.record()
        from plait._check.reading.history import History

        history = History(record)
        held = tuple(
            (place_, self.events[index].site)
            for place_, index in history.owners.items()
            if self.events[index].thread == thread and place_ not in history.signals
        )
        return Blocked(thread, Event(thread, kind, place, "", self.site(line)), tuple(frames), holder, held)

    def record(self, failure: Failure | None = None, *switches: Switch) -> Record:
        return Record(tuple(self.events), switches, self.threads, self.places, failure, "", (), 0)

    def _function(self, line: int) -> str:
        names = []
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.lineno <= line <= (node.end_lineno or 0):
                names.append(node.name)
        return ".".join(names) or "<module>"


def stuck(kind: str, *blocked: Blocked) -> Failure:
    return Failure(kind, kind, blocked[0].thread, None, blocked[0].stack, blocked)
