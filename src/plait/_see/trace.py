"""``plait.trace``: records what threads, tasks and workers do while its block runs."""

from __future__ import annotations

import _thread
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from plait._core.batch import Batch
from plait._core.budget import available_cores
from plait._core.cgroup import cpu_quota
from plait._core.errors import UsageError
from plait._core.gil import has_gil
from plait._core.how_many import how_many
from plait._core.job import Job
from plait._core.onlooker import ONLOOKER
from plait._core.trace import Finding, State, Trace
from plait._engines.core_wait import children_seconds
from plait._engines.measuring_gil import CANARY
from plait._see.garbage import add_garbage, tell_garbage
from plait._see.idle import with_idle
from plait._see.imports import add_imports, tell_imports
from plait._see.items import Ran, Told, add_items
from plait._see.lines import Lines
from plait._see.recorder.garbage import Garbage
from plait._see.recorder.steps import Step
from plait._see.recorder.together import Recorders
from plait._see.runs import runs_of
from plait._see.sampler.samples import Counted, Sampler, Samples, now
from plait._see.show import form_of, reserved, save
from plait._see.states import add_threads, await_results
from plait._see.summary.calls import tell_calls
from plait._see.summary.memory import tell_memory
from plait._see.summary.processes import Others, by_turns, outermost, tell_processes
from plait._see.summary.short_calls import short_calls
from plait._see.summary.starts import tell_starts
from plait._see.summary.summarise import summarise
from plait._see.summary.turns import tell_turns
from plait._see.system import Use, memory_of, tell_system, used
from plait._see.task_lanes import add_tasks, blocked_words, lives_of

_OURS = "plait._engines."  # in the command line of what starts workers
_MATTERS = 0.05  # of the time: processes that are not shown are told when they have computed for so long
_WIDE = 0.2  # of what a process computes, in one of its threads
_GREEN = {"gevent", "eventlet"}  # packages that have several threads of their own in one of the system's
_KEPT = 1_000_000  # batches, and calls
_recording = threading.Lock()


class trace:  # noqa: N801  used as a verb: with plait.trace("run.html")
    """Record what threads and workers do while the block runs, and write it to a file.

    The block is given the `Trace`, which is filled when it ends; also when an exception ends it. Locks, queues and
    threads that are made in the block are known by name and holder; of those made before, only that somebody waits.
    A child that is forked in the block ends its own copy of it without a trace. Off Linux only the waits that plait
    records are seen, and the trace says so.

    Args:
        path: ``.html`` for a page, ``.json`` for ui.perfetto.dev, ``.txt`` for a terminal; None for no file.
        children: whether the threads of other Python processes are shown, too, that are started by this one or by its
            children; plait's own workers always are.

    Raises:
        UsageError: the path ends in something else or cannot be written, or a trace is being recorded in this process
            already.
        OSError: the file could not be written in the end, such as to a full disk.

    >>> import plait, time
    >>> with plait.trace() as trace:
    ...     time.sleep(0.05)
    >>> trace.seconds > 0.04
    True
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, children: bool = False) -> None:
        self._path = None if path is None else Path(os.path.abspath(path))  # the program may change the folder
        if self._path is not None:
            form_of(self._path)
        self._children = children
        self._title = " ".join([os.path.basename(sys.argv[0]) or "python", *sys.argv[1:]])

    def __enter__(self) -> Trace:
        if not _recording.acquire(blocking=False):
            raise UsageError("plait.trace: a trace is being recorded already; a process can record one at a time")
        try:
            if self._path is not None:
                reserved(self._path)
            self._pid = os.getpid()
            self._sampler = Sampler()
            self._sampler.start()
            self._batches: deque[Told] = deque(maxlen=_KEPT)
            self._calls: deque[Ran] = deque(maxlen=_KEPT)
            self._consumed: deque[tuple[int, int, int]] = deque(maxlen=_KEPT)  # thread, from when, until when
            self._seen = Recorders()
            self._seen.install()
            ONLOOKER.told, ONLOOKER.ran, ONLOOKER.born = self._told, self._ran, self._sampler.look_for_children
        except BaseException:
            _recording.release()
            raise
        self._trace = Trace(self._title, time.time())
        self._children_cpu, self._used = children_seconds(), used()
        self._origin = now()
        return self._trace

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        ended, children, use = now(), children_seconds() - self._children_cpu, used()
        try:
            ONLOOKER.told = ONLOOKER.ran = ONLOOKER.born = None
            self._seen.remove()
            if os.getpid() != self._pid:  # a child that was forked in the block: the trace is its parent's
                self._sampler.leave()
                return
            samples = self._sampler.stop()
        finally:
            _recording.release()
        trace = self._trace
        trace.microseconds = ended - self._origin
        seen, batches = self._seen, list(self._batches)  # threads that go on may still add to them
        everybody = dict(seen.waits.names)
        names = {tid: name for tid, name in everybody.items() if name != CANARY}
        workers = {pid: told.batch.worker for told in batches if (pid := told.pid)}
        foreign = {pid: words for pid, words in samples.processes.items() if _OURS not in words}
        others, called = self._shown(samples, foreign, workers) if self._children else ({}, {})
        lives, garbage = dict(seen.waits.lives), seen.garbage.sums()
        helpers = _helpers(samples, foreign, seen.processes.managers)
        samples.changes = with_idle(samples.changes, seen.waits.services | helpers, seen.library.windows)
        add_threads(trace, samples, seen.waits.noted, names, lives, self._origin, workers | called, others)
        imports = list(seen.imports.imports)
        add_imports(trace, imports, self._origin)
        add_garbage(trace, garbage, self._origin)
        await_results(trace, list(self._consumed), self._origin)
        cores = min(available_cores().count, cpu_quota() or sys.maxsize)
        steps, blocked = list(seen.steps.steps), list(seen.steps.blocked)
        add_tasks(trace, steps, seen.steps.names, self._origin)
        at = add_items(trace, batches, list(self._calls), self._origin)
        unshown = foreign.keys() - {self._pid, *workers, *others}
        trace.missing += [
            *samples.missing,
            *_unshown(samples, unshown, trace.seconds),
            *_strange(seen.tasks.strange),
        ]
        strangers = sum(one.cpu for one in samples.threads if one.pid == self._pid and one.tid not in everybody)
        trace.facts |= {"rate": samples.rate, "cost": samples.cost, "strangers": strangers, "garbage": garbage.seconds}
        trace.facts["free"] = float(not has_gil())
        if not self._children:
            trace.facts["children"] = children - sum(one.cpu for one in samples.threads if one.pid in workers)  # shown
        runs = runs_of(trace, zip(batches, at, strict=True), seen.transfer.sums(), self._origin)
        lines = Lines(trace, list(seen.lines.looks), self._origin, seen.lines.sources, imports)
        apart = [one for one in samples.threads if one.pid in foreign.keys() - {self._pid}]
        computed, lacked = max(children, sum(one.cpu for one in apart)), sum(one.queued for one in apart)
        trace.facts |= {"others": computed + lacked, "begun_at_once": float(self._begun_at_once())}
        done = list(seen.calls.done)
        short = short_calls(trace, done)
        known = [
            *tell_imports(trace, seen.imports.packages, imports),
            *tell_system(trace, self._used, use, max(len(samples.processes), len(seen.processes.births))),
            *blocked_words(trace, blocked, steps, self._origin),
            *tell_calls(trace, list(seen.calls.begun), self._origin, cores, done, short),
            *tell_processes(trace, self._others(apart, computed, lacked), cores),
            *self._told_of(use, steps, lines, garbage),
        ]
        services = frozenset(at for at, lane in enumerate(trace.lanes) if lane.tid in seen.waits.services)
        trace.summary = summarise(trace, runs, known, cores, lines, services.union(*(one.lanes for one in short)))
        if self._path is not None:
            save(trace, self._path)

    def _shown(
        self, samples: Samples, foreign: dict[int, str], workers: dict[int, str]
    ) -> tuple[dict[int, str], dict[int, str]]:
        """The command lines of the other processes that are shown, and what is known of how they are called."""
        within = {pid for pid in samples.forks.difference(workers) if _OURS in samples.processes[pid]}
        others = foreign | dict.fromkeys(within, "")
        called = dict(self._seen.processes.names) | dict.fromkeys(within, "plait worker")  # that a worker maps with
        return others, {pid: f"{name} (pid {pid})" for pid, name in called.items() if pid in others}

    def _told_of(self, use: Use, steps: list[Step], lines: Lines, garbage: Garbage) -> list[Finding]:
        """What was started with nothing to run, what was done by turns, what was kept, and what was garbage."""
        trace, seen = self._trace, self._seen
        idle = [one.where for one in list(seen.processes.started) if one.idle]
        ends = {(one.tid, one.began): one.ended for one in list(seen.calls.done)}
        calls = [(one.submitted, ends.get((one.tid, one.began), now())) for one in list(seen.calls.begun)]
        return [
            *tell_starts(trace, list(seen.starts.idle), idle),
            *tell_turns(trace, list(seen.turns.turns), self._origin, lines),
            *tell_memory(*memory_of(self._used, use), list(seen.backlog.most.values()), calls, lives_of(steps)),
            *tell_garbage(trace, garbage),
        ]

    def _begun_at_once(self) -> bool:
        """Whether child processes were begun before those before them had been waited for."""
        waits = [wait for wait in self._trace.waits if wait.state is State.CHILD]
        births = sorted(moment - self._origin for moment in self._seen.processes.births)
        return not by_turns(births, outermost(waits))

    def _others(self, threads: list[Counted], computed: float, lacked: float) -> Others:
        seen = self._seen.processes
        managers = {line: sum(one.cpu for one in threads if one.pid == pid) for pid, line in seen.managers.items()}
        sends = [moment - self._origin for moment in seen.sends]
        each: dict[int, list[float]] = {}
        for one in threads:
            each.setdefault(one.pid, []).append(one.cpu + one.queued)
        imported = sum(self._seen.imports.packages.values())
        wide = sum(len([own for own in spent if own > _WIDE * sum(spent) > 0]) > 1 for spent in each.values())
        sums = [sum(spent) for pid, spent in each.items() if pid not in seen.managers]
        return Others(
            seen.pieces(), list(seen.started), seen.pools, sends, managers, computed, lacked, sums, imported, wide
        )

    def _told(self, name: str, batch: Batch, job: Job) -> None:
        tid, limit, tally = _thread.get_native_id(), job.feed.limit, job.tally
        ran = tid if batch.worker == "inline" else tally.threads.get(batch.worker, 0)
        rate = 0.0 if limit is None else limit.per_second
        self._batches.append(Told(name, id(tally.reasons), batch, tid, rate, ran, tally.reasons))
        if batch.started and ran != tid:
            self._consumed.append((tid, int(batch.started * 1e6), now()))

    def _ran(self, words: str, began: float, failed: bool) -> None:
        self._calls.append(Ran(_thread.get_native_id(), int(began * 1e6), now(), words, failed))


def _helpers(samples: Samples, foreign: Mapping[int, str], managers: Iterable[int]) -> set[int]:
    """The threads of processes that wait for what is to be done; a fork of one of those does something itself."""
    helping = {pid for pid in foreign.keys() - samples.forks if _HELPERS.search(foreign[pid])}
    return {one.tid for one in samples.threads if one.pid in helping.union(managers)}


_HELPERS = re.compile(r" -c from [\w.]+\.(resource_tracker|forkserver) import ")


def _strange(loops: set[str]) -> list[str]:
    how = "asyncio's own event loop shows them (uvicorn --loop asyncio)"
    found = [f"the tasks of {loop}, but for what blocked it: {how}" for loop in sorted(loops)]
    if not _GREEN.isdisjoint(sys.modules):
        found.append("green threads (gevent, eventlet) and what they wait for: only the thread that runs them")
    return found


def _unshown(samples: Samples, unshown: set[int], seconds: float) -> list[str]:
    """What is to be said of those processes if they have computed."""
    computed: dict[int, float] = {}
    for thread in samples.threads:
        if thread.pid in unshown:
            computed[thread.pid] = computed.get(thread.pid, 0.0) + thread.cpu
    total = sum(computed.values())
    if total < _MATTERS * seconds:
        return []
    many = how_many(len(computed), "other process", "other processes")
    cure = "`plait trace --children` or plait.trace(children=True) shows them"
    return [f"{many}, which computed for {total:.2f} s: {cure}"]
