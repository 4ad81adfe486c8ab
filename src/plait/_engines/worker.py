"""The main loop of a remote worker: takes batches from its pipe, runs them, answers.

Items that take microseconds run FAST, if running them again does no harm should the worker die: a bare loop that notes
nothing. All others run TRACKED: each item is claimed, timed and its result put on the board before the next one starts.
Either way the worker answers early when a batch takes twice its budget, and the driver gives the rest to others.
"""

from __future__ import annotations

import _thread
import os
import time
from _collections_abc import Callable, Sequence
from _pickle import dumps, loads
from contextvars import copy_context

from plait._core.current import current_task
from plait._core.streams import flush_output
from plait._engines import board as boards
from plait._engines import entries, wire, worker_setup
from plait._engines.arena import Arena, Window
from plait._engines.board import CURRENT, HOLDS, LOGGED, MODE, STARTED, STOP_AT, Board
from plait._engines.guard import Guard
from plait._engines.lasting import Lasting
from plait._engines.packing import Packer
from plait._engines.pickling.codec import decode, decode_items
from plait._engines.remote import describe
from plait._engines.wire import BATCH_HEAD, HEAD
from plait._engines.worker_task import WorkerTask

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would double a worker's start-up time
    from contextvars import Context
    from typing import Any, NoReturn

    from plait._core.rng import Seeding
    from plait._engines.ends import Ends
    from plait._engines.hosting import Segment
    from plait._engines.kept_settings import KeptSettings

    Assignment = tuple[Callable[..., object], float | None, Seeding, Context]

_FAST_SECONDS = 10e-6  # of this thread's CPU time; items cheaper than this run FAST
_TRACKING_SECONDS = 1e-6  # what tracking an item costs, at least
_FAST_ITEMS = 64  # and only in batches worth it


class Worker(WorkerTask):
    """One worker, in a process of its own; as a `Task` it answers ``plait.current()``.

    `own` is its memory for large results, `inputs` the driver's; None: large buffers go through the pipe.
    """

    start_thread = staticmethod(_thread.start_new_thread)
    packer_type = Packer

    def __init__(
        self,
        ends: Ends,
        board: Board,
        own: Segment | None,
        inputs: Segment | None,
        private_bytes: Callable[[int], int],
    ) -> None:
        self._read, self._readv, self._write = ends.read, ends.readv, ends.write
        self._private_bytes = private_bytes
        super().__init__(board.words)
        self._board = board
        self._arena = _arena(own)
        self._inputs = inputs
        self._window: Window | None = None
        self._freed: list[int] = []
        self._assignments: dict[int, Assignment] = {}
        self._costs: dict[int, float] = {}
        self._guard = Guard(board.words, self.start_thread)
        self._pending: bytes | memoryview = b""
        self._sending = _thread.allocate_lock()
        self._memory_bytes = 0
        self._timed = False
        self._packer = self.packer_type(board, self._arena)
        self._lasting = Lasting()
        self._sent: dict[str, object] = {}
        self._kept: KeptSettings | None = None

    def serve(self) -> None:
        """Answer frames, one after the other."""
        current_task.set(self)
        self.thread_id = _thread.get_ident()
        if self.owns_process and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._packer.note_fork)
        self.send(wire.HELLO, os.getpid() if self.owns_process else 0, b"")
        while True:
            operation, flags, function, key, payload = self._receive()
            if operation == wire.BATCH:
                try:
                    self._run(flags, function, key, payload)
                except BaseException as error:
                    if not self.is_stopped_by(error):
                        raise
                if self._lasting.looks:
                    self._lasting.look()
            elif operation == wire.FUNCTION:
                self._learn(flags, key, payload)
                if self.owns_process:
                    self._lasting.expect()
            elif operation == wire.FORGET:
                self._assignments.pop(key, None)
                self._costs.pop(key, None)
            elif operation == wire.SETTING:
                self.set_up(loads(payload))
            else:
                self.part()

    # --- frames

    def _receive(self) -> tuple[int, int, int, int, memoryview]:
        data = self._pending
        while len(data) < HEAD.size:
            chunk = self._read(1 << 16)
            if not chunk:
                self.leave()
            data = chunk if not data else bytes(data) + chunk
        operation, flags, function, key, length = HEAD.unpack_from(data)
        end = HEAD.size + length
        if len(data) < end:
            data = self._complete(data, end)
        view = memoryview(data)
        self._pending = view[end:]
        return operation, flags, function, key, view[HEAD.size : end]

    def _complete(self, start: bytes | memoryview, size: int) -> memoryview:
        whole = bytearray(size)
        filled = len(start)
        whole[:filled] = start
        view = memoryview(whole)
        while filled < size:
            got = self._readv([view[filled:]])
            if not got:
                self.leave()
            filled += got
        return view.toreadonly()

    def send(self, operation: int, key: int, payload: bytes, *, flags: int = 0) -> None:
        """One frame to the driver; may be called from any thread."""
        data = memoryview(wire.pack(operation, key, payload, flags=flags))
        with self._sending:
            try:
                sent = self._write(data)
                while sent < len(data):
                    sent += self._write(data[sent:])
            except OSError:
                self.end()  # the driver is gone

    # --- what the driver asks for

    def set_up(self, setting: dict[str, object]) -> None:
        """Take over what the driver says about itself."""
        self._sent = {**self._sent, **setting}
        if self._kept is not None:
            setting = self._kept.over(setting)
        self._name = str(setting.get("name", self._name))
        worker_setup.apply(setting, self.send, self._name if self.owns_process else "")
        self._memory_bytes = int(str(setting.get("memory_bytes", self._memory_bytes)))

    def prepares(self, begins: bool) -> None:
        super().prepares(begins)
        if begins:
            from plait._engines.kept_settings import KeptSettings  # most workers have no initializer

            self._kept = self._kept or KeptSettings()
            self._kept.begin(self._sent)
        elif self._kept is not None:
            self._kept.compare(self._sent)

    def on_set_up(self, making: str) -> None:
        self._board.note_set_up(making)

    def _learn(self, flags: int, key: int, payload: memoryview) -> None:
        try:
            refs, payload = self._extra(flags, payload)
            assignment: Any = decode(payload, refs, bool(flags & wire.STORED), self._inputs_window(refs))
            fn, timeout, seeding, variables, _ = assignment  # what FunctionCargo packed
            context = copy_context()  # its own: what it sets, and what is set for it, is not seen by other runs
            for variable, value in variables:
                context.run(variable.set, value)
            self._assignments[key] = fn, timeout, seeding, context
        except BaseException as error:  # the user's module may raise anything while it is imported
            self.send(wire.REFUSED, key, dumps(describe(error, ours=True), 5))

    def _extra(self, flags: int, payload: memoryview) -> tuple[list[tuple[int, int]], memoryview]:
        if not flags & wire.HAS_EXTRA:
            return [], payload
        (refs, freed), payload = wire.unpack_extra(payload)
        if self._arena is not None:
            for offset in freed:
                self._arena.free(offset)
        return refs, payload

    def _inputs_window(self, refs: list[tuple[int, int]]) -> Window | None:
        if refs and self._window is None:
            assert self._inputs is not None
            self._window = Window(self._inputs, self._freed.append, writable=False)
        return self._window

    def _run(self, flags: int, function: int, key: int, payload: memoryview) -> None:
        refs, payload = self._extra(flags, payload)
        first, budget, base, attempt, count = BATCH_HEAD.unpack_from(payload)
        assignment = self._assignments.get(function)
        if assignment is None or self._words[STOP_AT] <= first:
            self._words[MODE] = boards.IDLE
            self._answer(key, wire.LOGGED)
            return
        self._board.open_log(key)  # not before: who was told to stop leaves the log of its last batch to the driver
        try:
            # In a list, from which the loop takes them: no frame may hold the arguments longer than their loop does.
            items, plain = decode_items(
                payload[BATCH_HEAD.size :], refs, bool(flags & wire.STORED), self._inputs_window(refs)
            )
            cargo, items = [items], None
        except BaseException as error:  # an item's __setstate__ may raise anything
            self._words[MODE] = boards.IDLE
            self._answer(key, wire.UNREADABLE, data=dumps(describe(error, ours=True), 5))
            return
        self._first, self._base, self._attempt = first, base, attempt
        fn, self._timeout, self._seeding, context = assignment
        tracked = (
            flags & wire.TRACKED or count < _FAST_ITEMS or self._costs.get(function, 1.0) > _FAST_SECONDS or not plain
        )
        began, spent = time.perf_counter_ns(), time.thread_time_ns()
        self._timed = bool(flags & wire.TIMED)
        done = context.run(self._run_tracked if tracked else self._run_fast, fn, cargo, key, began, budget)
        if done:  # CPU time: a machine that is busy with something else must not make items look slow
            cost = (time.thread_time_ns() - spent) * 1e-9 / done
            self._costs[function] = cost - _TRACKING_SECONDS if tracked else cost

    def _run_tracked(self, fn: Callable[..., object], cargo: list[Any], key: int, began: int, budget: int) -> int:
        words, clock, timed, packer = self._words, time.perf_counter_ns, self._timed, self._packer
        flat, entry_of = packer.flat, packer.entry
        log, start, limit = self._board.room()
        words[MODE] = boards.TRACKED
        end = began + 2 * budget
        now, at = began, start
        sequence = first = self._first
        items: Sequence[object] = cargo.pop()
        for item in items:
            words[CURRENT] = sequence
            if words[STOP_AT] <= sequence or (now > end and sequence != first):
                break
            words[STARTED] = now
            try:
                item = fn(item)  # the result takes its place, so that it goes when the next one comes
                entry = flat[type(item)](item) or entry_of(item)
            except BaseException as error:
                if self.is_stopped_by(error):
                    break
                entry = entries.wrapped(entries.FAILURE, packer.failure(error))
            now = clock()
            sequence += 1
            logged = entries.timed(entry, now - began) if timed else entry
            stop = at + len(logged)
            if stop > limit:
                words[MODE] = boards.SENDING
                kind, data = entries.unwrapped(entry)
                self._answer(key, wire.LOGGED, began, now - began, last=kind, data=data, length=at - start)
                words[MODE] = boards.IDLE
                return sequence - first
            log[at:stop] = logged
            at = stop
            words[LOGGED] = at - start  # from here on a crash does not lose it
        words[MODE] = boards.IDLE
        item = items = ()  # the arguments' views end now, so that their slots ride back with this answer
        self._answer(key, wire.LOGGED, began, now - began, length=at - start)
        return sequence - first

    def _run_fast(self, fn: Callable[..., object], cargo: list[Any], key: int, began: int, budget: int) -> int:
        words, packer = self._words, self._packer
        taken = cargo.pop()
        items = taken if type(taken) is list else list(taken)  # the guard may clear it
        values: list[object] = []
        failures: dict[int, object] = {}
        words[CURRENT] = self._first
        words[MODE] = boards.FAST
        stop = words[STOP_AT] - self._first  # looked at after MODE was set, so that the driver can rely on either
        if stop <= 0:
            words[MODE] = boards.IDLE
            self._answer(key, wire.LOGGED)
            return 0
        if stop < len(items):
            del items[stop:]  # taken back while they were unpickled: they are somebody else's
        self._guard.watch(items, values, self._first, began + 2 * budget)
        iterator = iter(items)
        while True:
            try:
                for item in iterator:
                    values.append(fn(item))  # noqa: PERF401  a failure must not take the values before it along
                break
            except BaseException as error:
                if packer.forked:
                    packer.leave_child(error)
                failures[len(values)] = describe(error, ours=True)
                values.append(None)
        if packer.forked:
            packer.leave_child(None)
        self._guard.rest(boards.PACKING)
        item = taken = None
        items = []  # as in _run_tracked
        spent = time.perf_counter_ns() - began
        data = packer.whole(values, failures)
        words[MODE] = boards.IDLE
        kind, data, length = packer.placed(data)
        self._answer(key, kind, began, spent, data=data, length=length)
        return len(values)

    def _answer(
        self,
        key: int,
        kind: int,
        began: int = 0,
        spent: int = 0,
        *,
        last: int = 255,
        data: bytes | memoryview = b"",
        length: int = 0,
    ) -> None:
        """The result of a batch; `last` is the kind of one more entry, whose data did not fit on the log."""
        flush_output()  # what was printed comes out before the results, also without a newline
        payload = wire.RESULT_HEAD.pack(kind, last, began, spent, length) + data
        flags = 0
        if self._freed:
            freed = self._freed[:]
            del self._freed[: len(freed)]
            payload = wire.pack_extra(([], freed)) + payload
            flags = wire.HAS_EXTRA
        leaving = self._memory_bytes and self._private_bytes(os.getpid()) > self._memory_bytes
        self.send(wire.RESULT, key, payload, flags=flags | (wire.LEAVING if leaving else 0))
        if leaving:
            self.part()

    # --- the end

    def part(self) -> None:
        """End; what the worker holds is torn down before."""
        if self._words[HOLDS]:
            from plait._engines import worker_end  # most workers hold nothing

            self._words[MODE] = boards.ENDING
            worker_end.tear_down(self)
        self.leave()

    def leave(self) -> None:
        """End; what was printed goes out."""
        flush_output()
        self.end()

    def end(self) -> NoReturn:
        """End without running the exit handlers that were forked along."""
        os._exit(0)

    @property
    def may_be_interrupted(self) -> bool:
        return super().may_be_interrupted and not self._sending.locked()  # half a frame must not be left in the pipe


def _arena(segment: Segment | None) -> Arena | None:
    try:
        return None if segment is None else Arena(segment)
    except (OSError, ValueError):  # an address space limit, or no arena at all: large buffers go through the pipe
        return None
