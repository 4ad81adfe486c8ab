"""One performance of a program on the stage: the main thread from its first line to the end of the interpreter."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, cast, overload

from plait._check.children import Children
from plait._check.execution import Choose, Execution
from plait._check.patches import end_of_pools, reset_pools
from plait._check.printed import Printed
from plait._check.record import Record, Switch, ThreadInfo
from plait._check.stage import STAGE
from plait._check.stand_in.exit import exited, run_exits
from plait._check.stand_in.fork import child_ends_here
from plait._check.stand_in.threads import forget_unborn, join_all, main_thread, main_thread_kept, number_from_one
from plait._check.stand_in.tk import INTERPRETERS
from plait._check.unwinding import close_tasks
from plait._core.event import label

if TYPE_CHECKING:
    from plait._check.programs.program import Program
    from plait._check.sites import Sites
    from plait._check.stand_in.input import Input
    from plait._schedulers.interface import Scheduler


def perform(
    program: Program,
    scheduler: Scheduler,
    sites: Sites,
    *,
    typed: Input | None = None,
    until: float | None = None,
) -> Record:
    """Runs the program once; the scheduler has begun already.

    `typed` is what it reads from standard input; a long execution is given up after the moment `until`.
    """
    choose = cast("Choose", scheduler.choose)  # it chooses one of those it is given
    execution = Execution(choose, sites, hasty=getattr(scheduler, "hasty", None))
    execution.hurried = getattr(scheduler, "hurried", False)
    execution.until = until
    output = Printed()
    streams = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = typed.again(output) if typed is not None else sys.stdin
    sys.stdout = sys.stderr = output
    children = Children()
    number_from_one()
    STAGE.execution, STAGE.pid = execution, os.getpid()
    try:
        with main_thread_kept():
            execution.run(lambda: _main(execution, program, children))
        unasked = execution.unasked.failure(execution)
        close_tasks(execution)
        if execution.failure is None and not execution.gave_up:
            execution.failure = execution.remarks.failure() or unasked
    finally:
        STAGE.execution = None
        sys.stdin, sys.stdout, sys.stderr = streams
        reset_pools()
        forget_unborn()
        children.forget()
    scheduler.end(execution.events)
    return _record(execution, output.getvalue())


def _main(execution: Execution, program: Program, children: Children) -> None:
    code: object = None
    with main_thread(execution):
        try:
            with child_ends_here(execution):
                program.main()
        except SystemExit as end:
            code = end.code
        finally:
            INTERPRETERS.close()
        execution.be_back()
        end_of_pools(execution.threads[0])  # as the interpreter does at its end
        join_all(execution)
        run_exits(execution)
        children.end()
    if code not in (None, 0):
        execution.fail(exited(execution, code))


def _record(execution: Execution, output: str) -> Record:
    return Record(
        execution.events,
        _Switches(execution),
        [
            ThreadInfo(thread.number, thread.name, thread.kind, thread.parent, thread.started)
            for thread in execution.threads
        ],
        execution.places.table(),
        execution.failure,
        output,
        execution.outside,
        len(execution.strangers),
        execution.gave_up,
        execution.left,
        execution.remarks.all,
        execution.one_order,
        execution.standstill,
        frozenset(execution.elements.same),
        dict(execution.arrivals),
    )


_TURN = itemgetter(0, 1, 3)  # of a choice: who ran, after how many steps, who went on


class _Switches(Sequence[Switch]):
    """The choices of an execution; their labels are made when somebody looks."""

    def __init__(self, execution: Execution) -> None:
        self._raw = execution.switches
        self._events = execution.events
        self._made: list[Switch] | None = None

    def __len__(self) -> int:
        return len(self._raw)

    def __hash__(self) -> int:
        return hash(tuple(map(_TURN, self._raw)))

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    @overload
    def __getitem__(self, index: int) -> Switch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Switch]: ...
    def __getitem__(self, index: int | slice) -> Switch | list[Switch]:
        if self._made is None:
            self._made = self._labelled()
        return self._made[index]

    def _labelled(self) -> list[Switch]:
        visits: Counter[tuple[int, str]] = Counter()
        found, at = [], 0
        for thread, step, pending, to, position in self._raw:
            for event in self._events[at:position]:
                visits[event.thread, label(event)] += 1
            at = position
            words = label(pending)
            visit = visits[thread, words] + 1
            found.append(Switch(thread, step, to, words if visit == 1 else f"{words}#{visit}"))
        return found
