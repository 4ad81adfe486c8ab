"""InterpreterEngine: items run in subinterpreters of this process, each with a GIL of its own (CPython 3.14 and later).

They are driven as processes are (`remote_run`), through sockets and shared memory; `interpreter_host` has what differs.
They share the process, so a crash is the program's, and what does not stop by itself is left behind, as on threads.
"""

from __future__ import annotations

import platform
import sys
import weakref
from _collections_abc import Generator, Sequence
from contextvars import ContextVar
from typing import Any

from plait._core import budget
from plait._core.batch import Batch
from plait._core.errors import UsageError
from plait._core.how_many import how_many
from plait._core.job import Job
from plait._engines import hosting
from plait._engines.interface import Engine, Plan
from plait._engines.interpreters.preflight import Preflight, innermost
from plait._engines.interpreters.refusals import in_words
from plait._engines.kept_there import watched
from plait._engines.remote_run import RemoteRun
from plait._engines.reserve import Reserve
from plait._engines.table import make_engine

_OLDEST = (3, 14)
_WORKER_BYTES = 8 << 20  # what an interpreter needs before the user's function needs anything
_FALLBACKS = ("process", "thread")


class InterpreterEngine:
    """Subinterpreters of this process, kept warm between runs until `close`.

    Args:
        context: context variables whose values, as of the call of map, the function sees in workers; the values must
            pickle. Others have their defaults there.
        fallback: ``"process"`` or ``"thread"``: the engine that takes over what is left when a module that the function
            needs does not load in subinterpreters, or when this Python has none; the report says why. None: an error.

    Raises:
        UsageError: this Python has no subinterpreters with a GIL of their own, or an argument means nothing.
    """

    name = "interpreter"

    def __init__(self, *, context: Sequence[ContextVar[Any]] = (), fallback: str | None = None) -> None:
        for variable in context:
            if not isinstance(variable, ContextVar):
                raise UsageError(f"context={context!r}: expected context variables whose values the workers shall see")
        if fallback is not None and fallback not in _FALLBACKS:
            raise UsageError(f'fallback={fallback!r}: expected "process" or "thread", or None for an error')
        missing = _missing()
        if missing and fallback is None:
            raise UsageError(missing)
        self._missing = missing
        self._fallback = fallback
        self._context = tuple(context)
        self._other: Engine | None = None
        self._unfit: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()
        self._reserve: Reserve | None = None

    def plan(self, requested: int | None, items: int | None) -> Plan:
        if self._missing:
            return self._instead().plan(requested, items)
        if requested is not None:
            workers, reason = requested, "as asked for"
        else:
            cores = budget.available_cores(_WORKER_BYTES)
            workers, reason = cores.count, cores.reason
        if items is not None and items < workers:
            workers, reason = max(1, items), f"no more than items: {items}"
        return Plan(workers, f"{how_many(workers, 'interpreter')}: {reason}")

    def run(self, job: Job) -> Generator[Batch, None, None]:
        fn = innermost(job.fn)
        reason = self._missing or self._known(fn)
        if not reason:
            preflight = Preflight(job.fn, falls_back=self._fallback is not None)
            yield from watched(RemoteRun(self._warm(), job, preflight).drive(), job, "interpreter")
            if preflight.refusal is None or self._fallback is None or job.cancelled:
                return
            reason = in_words(preflight.module)
            self._note(fn, reason)
            job.feed.release()
        yield from self._fall_back(job, reason)

    def close(self) -> None:
        if self._reserve is not None:
            self._reserve.close()
        if self._other is not None:
            self._other.close()

    # --- what is needed when it is needed

    def _warm(self) -> Reserve:
        if self._reserve is None:
            from plait._engines.interpreters.interpreter_host import InterpreterHost  # needs CPython 3.14

            self._reserve = Reserve(InterpreterHost(hosting.choose(portable=False)), context=self._context)
        return self._reserve

    def _instead(self) -> Engine:
        if self._other is None:
            self._other = make_engine(self._fallback or "process")
        return self._other

    def _fall_back(self, job: Job, reason: str) -> Generator[Batch, None, None]:
        engine = self._instead()
        job.workers = engine.plan(job.workers, job.feed.left).workers
        job.tally.settle_on(engine.name, job.workers, f"{engine.name} instead of interpreter: {reason}")
        job.tally.peak = 0
        yield from engine.run(job)

    def _known(self, fn: object) -> str:
        try:
            return self._unfit.get(fn, "")
        except TypeError:  # nothing that could be remembered
            return ""

    def _note(self, fn: object, reason: str) -> None:
        try:
            self._unfit[fn] = reason
        except TypeError:
            return


def _missing() -> str:
    """Why there are no interpreters to be had in this Python, or an empty string."""
    implementation = platform.python_implementation()
    if implementation == "CPython" and sys.version_info >= _OLDEST:
        return ""
    return (
        f'engine="interpreter" needs CPython 3.14 or later, this is {implementation} {platform.python_version()}; '
        'use engine="process", which computes side by side as well, or engines.InterpreterEngine(fallback="process")'
    )
