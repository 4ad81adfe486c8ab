"""LoopState: what ``per_worker`` functions have set up in one event loop, the asynchronous ones among them.

Each asynchronous instance has an asyncio task of its own, its *keeper*, which sets it up, waits, and tears it down:
what is entered in one task, such as a timeout, a task group or a cancel scope of anyio, must be left in the same one,
and the item that happened to be the first may be cancelled. A loop that ends (``asyncio.run``) cancels its tasks, which
the keepers take as the sign to tear down, the last one first, so nothing has to be told about them.
"""

from __future__ import annotations

import asyncio
from _collections_abc import AsyncGenerator, Callable
from _thread import _local, get_ident
from typing import Any

from plait._core.current import current_task
from plait._core.mishaps import Announced
from plait._core.notes import add_note, text_of
from plait._core.worker_state import (
    TEAR_DOWN_SECONDS,
    Mishap,
    WorkerState,
    misses_its_yield,
    needs_itself,
    too_late,
)

_UNWIND = 0.2  # seconds that a cancelled tear-down has to end


class LoopState(WorkerState):
    """The instances of one event loop, or of one run in it. Only tasks of that loop touch it.

    Promises: as `WorkerState`; an asynchronous instance that several tasks ask for at the same time is set up once, and
    when that fails, the task that asked first has the error, and the next one tries again.
    """

    __slots__ = ("_keepers", "_kept", "_note", "loop")

    def __init__(self, worker: str, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(worker, get_ident(), _nothing, _nothing)
        self.loop = loop
        self._kept: dict[object, _Kept] = {}
        self._keepers: list[_Kept] = []  # in the order of set-up
        self._note: Callable[[Mishap], object] | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be torn down, nor being set up."""
        return not self.instances and not self._kept

    async def get(self, key: object, name: str, make: Callable[[], object], *, generator: bool) -> object:
        """The value of the instance, set up if need be.

        Raises:
            PlaitError: the run is ending, or the instance needs itself.
            Exception: whatever the set-up raises.
        """
        while True:
            kept, mine = self._kept.get(key), False
            if kept is None:
                if self.ended:
                    raise too_late(name, self.worker)
                mine = True
                kept = self._kept[key] = _Kept(key, name, self.loop)
                kept.keeper = self.loop.create_task(self._keep(kept, make, generator), name=f"plait: {name}")
            if kept.ready.done() and not mine:
                return kept.ready.result()
            with _Waiting(self._asking(), kept):
                await asyncio.wait([kept.ready])  # which leaves it alone when this task is cancelled
            if mine or kept.error is None:
                return kept.ready.result()

    async def end_all(self, report: Callable[[Mishap], object]) -> None:
        """Tear down everything, in bounded time for what is asynchronous; what goes wrong is reported."""
        self.ended = True
        self._note = report
        deadline = self.loop.time() + TEAR_DOWN_SECONDS
        unfinished = [kept.keeper for kept in self._kept.values() if not kept.ready.done()]
        for keeper in unfinished:
            keeper.cancel()
        for kept in reversed(self._keepers):
            kept.release()
            await asyncio.wait([kept.keeper], timeout=max(0.0, deadline - self.loop.time()))
            if not kept.keeper.done():
                kept.keeper.cancel()
                unfinished.append(kept.keeper)
                what = f"the tear-down of {kept.name} on {self.worker}"
                report(Mishap(f"{what} took longer than {TEAR_DOWN_SECONDS:g} s and was cancelled", None))
        if unfinished:
            await asyncio.wait(unfinished, timeout=_UNWIND)
        self.end(report)

    # --- the keeper of one instance

    async def _keep(self, kept: _Kept, make: Callable[[], object], generator: bool) -> None:
        made: Any = make()
        try:
            value = await (_first(kept.name, made) if generator else made)
        except BaseException as error:
            del self._kept[kept.key]
            add_note(
                error, f"plait: raised in the set-up of {kept.name} on {self.worker}; the next call there tries again"
            )
            kept.fail(error)
            if not isinstance(error, Exception):
                raise
            return
        kept.ready.set_result(value)
        if generator:
            self._keepers.append(kept)
            await self._until_released(kept)
            await self._tear_down(kept, made)

    async def _until_released(self, kept: _Kept) -> None:
        try:
            await kept.released
        except asyncio.CancelledError:  # the loop ends, and all its tasks are cancelled at the same time
            later = self._keepers[self._keepers.index(kept) + 1 :]
            if later:
                await asyncio.wait([other.keeper for other in later], timeout=TEAR_DOWN_SECONDS)

    async def _tear_down(self, kept: _Kept, made: AsyncGenerator[Any, None]) -> None:
        error: BaseException | None = None
        try:
            await anext(made)
            error = misses_its_yield(kept.name, "yielded twice")
            await made.aclose()
        except StopAsyncIteration:
            pass
        except asyncio.CancelledError:  # by `end_all`, which says so
            return
        except BaseException as raised:  # it must not keep the others from being torn down
            error = raised
            error.with_traceback(raised.__traceback__.tb_next if raised.__traceback__ is not None else None)
        self._keepers.remove(kept)
        if error is None:
            return
        mishap = Mishap(
            f"the tear-down of {kept.name} on {self.worker} raised {type(error).__name__}: {text_of(error)}", error
        )
        if self._note is not None:
            self._note(mishap)
        else:
            with Announced() as announced:
                announced.note(mishap)

    def _asking(self) -> _Kept | None:
        """The instance in whose set-up the caller is, if it is in one."""
        task = asyncio.current_task()
        return next((kept for kept in self._kept.values() if kept.keeper is task), None)


class _Kept:
    """One asynchronous instance.

    Attributes:
        ready: done when it is set up, or when that has failed.
        error: why it failed.
        released: done when it shall be torn down.
        needs: the instance that its set-up waits for.
    """

    __slots__ = ("error", "keeper", "key", "name", "needs", "ready", "released")

    keeper: asyncio.Task[None]

    def __init__(self, key: object, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.key = key
        self.name = name
        self.ready: asyncio.Future[object] = loop.create_future()
        self.released: asyncio.Future[None] = loop.create_future()
        self.error: BaseException | None = None
        self.needs: _Kept | None = None

    def release(self) -> None:
        if not self.released.done():
            self.released.set_result(None)

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.ready.set_exception(error)
        self.ready.exception()  # it is nobody's, when the task that asked has been cancelled


class _Waiting:
    """Notes that the set-up of one instance waits for another one, and refuses to close a circle."""

    __slots__ = ("_asking",)

    def __init__(self, asking: _Kept | None, wanted: _Kept) -> None:
        self._asking = asking
        if asking is None:
            return
        chain = [asking, wanted]
        while chain[-1] is not asking and chain[-1].needs is not None:
            chain.append(chain[-1].needs)
        if chain[-1] is asking:
            raise needs_itself([kept.name for kept in chain])
        asking.needs = wanted

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        if self._asking is not None:
            self._asking.needs = None


async def instance(key: object, name: str, make: Callable[[], object], *, generator: bool) -> object:
    """The instance of the run that calls, or of its event loop outside of runs."""
    loop = asyncio.get_running_loop()
    task = current_task.get(None)
    state = task.state if task is not None else None
    if not isinstance(state, LoopState) or state.loop is not loop:
        state = _loops.of(loop)
    return await state.get(key, name, make, generator=generator)


class _Loops(_local):
    """The state of the event loop that the thread runs, or ran last."""

    state: LoopState | None = None

    def of(self, loop: asyncio.AbstractEventLoop) -> LoopState:
        if self.state is None or self.state.loop is not loop:
            self.state = LoopState("the event loop", loop)
        return self.state


_loops = _Loops()


async def _first(name: str, made: AsyncGenerator[Any, None]) -> object:
    try:
        return await anext(made)
    except StopAsyncIteration:
        raise misses_its_yield(name, "ended without a yield") from None


def _nothing(_: str = "") -> None:
    """Nobody has to know."""
