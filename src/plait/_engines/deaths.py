"""Finds out what a dead worker had finished, which item it died of, and says so."""

from __future__ import annotations

import os
import time
from typing import cast

from plait._core.batch import Batch
from plait._core.errors import Cancelled, MemoryExceeded, NotTransferable, TaskTimeout, WorkerDied
from plait._core.job import Job
from plait._core.notes import text_of
from plait._core.outcome import brief
from plait._engines import board as boards
from plait._engines import supervision
from plait._engines.flight import Flight
from plait._engines.pickling.instead import instead_of
from plait._engines.pickling.locate import does_not_come_back, find
from plait._engines.remote_worker import RemoteWorker
from plait._engines.returns import Returned, blamed, cause_of_death, culprit, died_reading, read_remains

_HOME = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "_")  # plait's own files begin so

_GIVE_UP_AFTER = 5  # times in a row that workers died before they had run an item
_GIVE_UP_ON_KILLS = 50  # the same, where somebody killed them: nothing that they do at their start would end them so
_LAST_WORDS = 12  # lines
_RECENT = 1.0  # seconds
_NOT_PREPARED = "plait_not_prepared"  # the method of a pool's functions that says what a failed initializer means


class Loss:
    """What became of one flight of a dead worker: what it finished, and the item that failed with it, if any.

    Attributes:
        unread: whether the worker died while it unpickled the items.
    """

    __slots__ = ("failure", "flight", "offset", "returned", "unread")

    def __init__(
        self, flight: Flight, returned: Returned, offset: int, failure: BaseException | None, *, unread: bool
    ) -> None:
        self.unread = unread
        self.flight = flight
        self.returned = returned
        self.offset = offset
        self.failure = failure


class Coroner:
    """Examines the dead workers of one run.

    Attributes:
        hopeless: why it makes no sense to start further workers, or an empty string.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._oom_kills = _OOM_KILLS.lately()
        self._useless = 0
        self._killed = 0
        self._began_again = 0.0
        self._unborn = 0
        self.hopeless = ""

    def examine(self, worker: RemoteWorker, status: int | None) -> list[Loss]:
        """One Loss per flight that the worker held."""
        self._job.tally.workers_died += 1
        kills = _oom_kills()
        out_of_memory = kills > self._oom_kills
        self._oom_kills = kills
        cause, signal, code = cause_of_death(status, out_of_memory)
        losses: list[Loss] = []
        for flight in worker.flights:
            returned = read_remains(worker, flight)
            offset = blamed(worker, flight, returned) if worker.doomed else culprit(worker, flight, returned)
            failure = None
            if offset is not None:
                item = f"item {flight.batch.base + offset}, {brief(flight.batch.items[offset])},"
                failure = self._failure(worker, item, cause, signal, code)
            unread = died_reading(worker, flight)
            losses.append(Loss(flight, returned, offset if offset is not None else -1, failure, unread=unread))
        if worker.board.words[boards.CURRENT] or any(loss.failure or loss.unread for loss in losses):
            self._useless = self._killed = 0
        elif worker.started > self._began_again:  # those that die together count once
            self._note_useless(cause, killed=status is None or (signal == 9 and not out_of_memory))
        return losses

    def note_born(self) -> None:
        """A worker has said hello."""
        self._unborn = 0

    def note_unborn(self, workers: int) -> None:
        """A zygote died before it had forked a worker, one of as many as `workers` that it may have been asked for."""
        self._unborn += 1 if workers else 0  # of all since a worker said hello
        if self._unborn > _GIVE_UP_AFTER * max(1, workers):
            self.hopeless = (
                "the process that forks the workers dies again and again before it can do so; "
                "run it by hand to see why: python -c 'import plait._engines.zygote'"
            )

    def unreadable(self, batch: Batch, error: BaseException) -> NotTransferable:
        """The failure of a single item that a worker could not unpickle."""
        failure = NotTransferable(
            f"item {batch.base}, {brief(batch.items[0])}, could not be unpickled in the worker: "
            f"{type(error).__name__}: {text_of(error)}{_why_unreadable(batch.items[0], error)}"
        )
        failure.__cause__ = error
        return failure

    def _failure(
        self, worker: RemoteWorker, item: str, cause: str, signal: int | None, code: int | None
    ) -> BaseException:
        making = worker.doomed_in if worker.doomed else worker.board.set_up()
        where = f" in the set-up of {making}" if making else ""
        if worker.doomed == supervision.TIMEOUT:
            return TaskTimeout(f"{item} ran longer than {self._job.timeout} s on {worker.label}{where}, {worker.fate}")
        if worker.doomed == supervision.REVOKED:
            return Cancelled(f"{item} was cancelled while it ran on {worker.label}{where}, {worker.fate}")
        if worker.doomed == supervision.MEMORY:
            return MemoryExceeded(
                f"{item} made {worker.label} outgrow its memory limit{where}; it was killed", worker.pid, signal, code
            )
        words = "".join("\n  " + line for line in _of_the_program(worker.board.last_words())[:_LAST_WORDS])
        if worker.board.words[boards.PREPARES] and hasattr(self._job.fn, _NOT_PREPARED):
            broken = getattr(self._job.fn, _NOT_PREPARED)(f"ended its worker {worker.label}: {cause}", words)
            return cast("BaseException", broken)
        return WorkerDied(f"{item} lost its worker {worker.label}{where}: {cause}{words}", worker.pid, signal, code)

    def _note_useless(self, cause: str, *, killed: bool) -> None:
        self._began_again = time.monotonic()
        if killed:
            self._killed += 1
        else:
            self._useless += 1
        if self._useless >= _GIVE_UP_AFTER or self._killed >= _GIVE_UP_ON_KILLS:
            self.hopeless = (
                f"{self._useless + self._killed} times in a row worker processes died before they could run an item: "
                f"{cause}. Something that every worker does at its start, such as importing the function's module, "
                "ends it."
            )


class _OomKills:
    """How often the system had killed a process because memory ran out, at most a moment ago.

    To ask takes a good part of what a run of a few items does.
    """

    def __init__(self) -> None:
        self._asked = -_RECENT
        self._count = 0

    def lately(self) -> int:
        """As `_oom_kills`, if that was asked lately: then."""
        now = time.monotonic()
        if now - self._asked >= _RECENT:
            self._asked, self._count = now, _oom_kills()
        return self._count


_OOM_KILLS = _OomKills()


def _oom_kills() -> int:
    """How often the system has killed a process because memory ran out."""
    try:
        with open("/proc/vmstat", "rb", buffering=0) as file:
            _, found, rest = file.read().partition(b"\noom_kill ")
    except OSError:
        return 0
    return int(rest.split(None, 1)[0]) if found else 0


def _of_the_program(words: str) -> list[str]:
    """The lines of a crash without those of its stack that are plait's, which say nothing to who reads them."""
    lines = words.splitlines()
    ours = [line for line in lines if line.lstrip().startswith((f'File "{_HOME}', 'File "<string>", line 1 in'))]
    left = [line for line in lines if line not in ours]
    return left if any(line.lstrip().startswith('File "') for line in left) else lines


def _why_unreadable(item: object, error: BaseException) -> str:
    path, part = find(item, "item", does_not_come_back)
    if part is not item:
        return f"; it is {path}, of class {type(part).__name__}: {instead_of(part, path)}"
    if isinstance(error, RecursionError) and hasattr(type(item), "__getattr__"):
        return (
            "; its __getattr__ is called before it has any attributes, and calls itself: let it raise AttributeError "
            'for names that begin with "__"'
        )
    if isinstance(error, TypeError) and any(f"{name}() " in text_of(error) for name in ("__new__", "__init__")):
        return "; let its class say by __reduce__, or __getnewargs__, what its objects are made from"
    return ""
