"""Recorded: what a block was seen to do, from which its trace is made: lanes, what is missing, facts and sentences."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from plait._core.budget import available_cores
from plait._core.cgroup import cpu_quota
from plait._core.gil import has_gil
from plait._core.how_many import how_many
from plait._core.trace import Finding, State, Trace
from plait._engines.choosing.measuring_gil import CANARY
from plait._see.garbage import add_garbage, tell_garbage
from plait._see.idle import with_idle
from plait._see.imports import add_imports, tell_imports
from plait._see.items import Ran, Told, add_items
from plait._see.lines import Lines
from plait._see.recorder.together import Recorders
from plait._see.runs import runs_of
from plait._see.sampler.samples import Samples, now
from plait._see.states import add_threads, await_results
from plait._see.summary.calls import tell_calls
from plait._see.summary.loops import tell_loops
from plait._see.summary.memory import tell_memory
from plait._see.summary.processes import Others, by_turns, outermost, tell_processes
from plait._see.summary.short_calls import short_calls
from plait._see.summary.starts import tell_starts
from plait._see.summary.summarise import summarise
from plait._see.summary.turns import tell_turns
from plait._see.system import Use, memory_of, tell_system
from plait._see.task_lanes import add_tasks, blocked_words, lives_of

_OURS = "plait._engines."  # in the command line of what starts workers
_MATTERS = 0.05  # of the time: processes that are not shown are told when they have computed for so long
_WIDE = 0.2  # of what a process computes, in one of its threads
_SERVED_BY = "starlette"  # which FastAPI is made of
_GREEN = {"gevent", "eventlet"}  # packages that have several threads of their own in one of the system's


class Own(NamedTuple):
    """What plait's own runs told of themselves."""

    batches: list[Told]
    calls: list[Ran]
    consumed: list[tuple[int, int, int]]  # thread, from when, until when


class Spent(NamedTuple):
    """What the process had used of the system at both ends of the block, and seconds that its children computed."""

    before: Use
    after: Use
    children: float


class Recorded:
    """All that was seen in a block from `origin` on; threads that go on may still add to what the recorders have."""

    def __init__(
        self, seen: Recorders, samples: Samples, own: Own, spent: Spent, origin: int, *, with_children: bool
    ) -> None:
        self._seen = seen
        self._samples = samples
        self._own = own
        self._spent = spent
        self._origin = origin
        self._with_children = with_children
        self._pid = os.getpid()
        self._workers = {pid: told.batch.worker for told in own.batches if (pid := told.pid)}
        self._foreign = {pid: words for pid, words in samples.processes.items() if _OURS not in words}
        self._others, self._called = self._shown() if with_children else ({}, {})
        self._apart = [one for one in samples.threads if one.pid in self._foreign.keys() - {self._pid}]
        self._steps, self._blocked = list(seen.steps.steps), list(seen.steps.blocked)
        self._loops = list(seen.steps.loops)
        self._imports = list(seen.imports.imports)
        self._garbage = seen.garbage.sums()
        self._done = list(seen.calls.done)

    def fill(self, trace: Trace, ended: int) -> None:
        """Make the trace of the block, which ended then."""
        trace.microseconds = ended - self._origin
        at = self._draw(trace)
        self._note(trace)
        trace.summary = self._summary(trace, at)

    def _draw(self, trace: Trace) -> list[int]:
        """The lanes with all that is in them; where each batch is."""
        seen, samples, origin = self._seen, self._samples, self._origin
        names = {tid: name for tid, name in dict(seen.waits.names).items() if name != CANARY}
        helpers = _helpers(samples, self._foreign, seen.processes.managers)
        samples.changes = with_idle(samples.changes, seen.waits.services | helpers, seen.library.windows)
        called = self._workers | self._called
        add_threads(trace, samples, seen.waits.noted, names, dict(seen.waits.lives), origin, called, self._others)
        add_imports(trace, self._imports, origin)
        add_garbage(trace, self._garbage, origin)
        await_results(trace, self._own.consumed, origin)
        add_tasks(trace, self._steps, seen.steps.names, origin)
        return add_items(trace, self._own.batches, self._own.calls, origin)

    def _note(self, trace: Trace) -> None:
        """What the trace does not show, and figures that its sentences need."""
        seen, samples = self._seen, self._samples
        unshown = self._foreign.keys() - {self._pid, *self._workers, *self._others}
        trace.missing += [
            *samples.missing,
            *_unshown(samples, unshown, trace.seconds),
            *_strange(seen.tasks.strange),
        ]
        known = dict(seen.waits.names)
        computed, lacked = self._computed_apart()
        trace.facts |= {
            "rate": samples.rate,
            "cost": samples.cost,
            "strangers": sum(one.cpu for one in samples.threads if one.pid == self._pid and one.tid not in known),
            "garbage": self._garbage.seconds,
            "free": float(not has_gil()),
            "others": computed + lacked,
            "begun_at_once": float(self._begun_at_once(trace)),
        }
        if not self._with_children:
            shown = sum(one.cpu for one in samples.threads if one.pid in self._workers)
            trace.facts["children"] = self._spent.children - shown

    def _computed_apart(self) -> tuple[float, float]:
        """Seconds that processes which are not ours computed, and waited for a core."""
        return max(self._spent.children, sum(one.cpu for one in self._apart)), sum(one.queued for one in self._apart)

    def _summary(self, trace: Trace, at: list[int]) -> list[str]:
        seen, origin = self._seen, self._origin
        cores = min(available_cores().count, cpu_quota() or sys.maxsize)
        runs = runs_of(trace, zip(self._own.batches, at, strict=True), seen.transfer.sums(), origin)
        lines = Lines(trace, list(seen.lines.looks), origin, seen.steps.sources | seen.lines.sources, self._imports)
        short = short_calls(trace, self._done)
        processes = max(len(self._samples.processes), len(seen.processes.births))
        serves = _SERVED_BY in sys.modules
        blocked = blocked_words(trace, self._blocked, self._steps, origin, serves=serves)
        known = [
            *tell_imports(trace, seen.imports.packages, self._imports),
            *tell_system(trace, self._spent.before, self._spent.after, processes),
            *tell_loops(trace, self._loops, lines, origin, (blocked, self._blocked), serves=serves),
            *tell_calls(trace, list(seen.calls.begun), origin, cores, self._done, short),
            *tell_processes(trace, self._others_in_words(), cores),
            *self._told_of(trace, lines),
        ]
        services = frozenset(at for at, lane in enumerate(trace.lanes) if lane.tid in seen.waits.services)
        return summarise(trace, runs, known, cores, lines, services.union(*(one.lanes for one in short)))

    def _shown(self) -> tuple[dict[int, str], dict[int, str]]:
        """The command lines of the other processes that are shown, and what is known of how they are called."""
        within = {pid for pid in self._samples.forks.difference(self._workers) if _OURS in self._samples.processes[pid]}
        others = self._foreign | dict.fromkeys(within, "")
        called = dict(self._seen.processes.names) | dict.fromkeys(within, "plait worker")  # that a worker maps with
        return others, {pid: f"{name} (pid {pid})" for pid, name in called.items() if pid in others}

    def _told_of(self, trace: Trace, lines: Lines) -> list[Finding]:
        """What was started with nothing to run, what was done by turns, what was kept, and what was garbage."""
        seen = self._seen
        idle = [one.where for one in list(seen.processes.started) if one.idle]
        ends = {(one.tid, one.began): one.ended for one in self._done}
        calls = [(one.submitted, ends.get((one.tid, one.began), now())) for one in list(seen.calls.begun)]
        queued = list(seen.backlog.most.values())
        return [
            *tell_starts(trace, list(seen.starts.idle), idle),
            *tell_turns(trace, list(seen.turns.turns), self._origin, lines),
            *tell_memory(*memory_of(self._spent.before, self._spent.after), queued, calls, lives_of(self._steps)),
            *tell_garbage(trace, self._garbage),
        ]

    def _begun_at_once(self, trace: Trace) -> bool:
        """Whether child processes were begun before those before them had been waited for."""
        waits = [wait for wait in trace.waits if wait.state is State.CHILD]
        births = sorted(moment - self._origin for moment in self._seen.processes.births)
        return not by_turns(births, outermost(waits))

    def _others_in_words(self) -> Others:
        seen, threads = self._seen.processes, self._apart
        computed, lacked = self._computed_apart()
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
