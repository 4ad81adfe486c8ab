"""What a run sends to its workers: its function once per worker, and batches of items."""

from __future__ import annotations

import sys
from _collections_abc import Callable
from contextvars import ContextVar
from typing import Any

from plait._core.batch import Batch
from plait._core.errors import NotTransferable
from plait._core.outcome import brief
from plait._engines import wire
from plait._engines.arena import Arena
from plait._engines.codec import Packed, encode
from plait._engines.locate import explain
from plait._engines.worker_process import WorkerProcess


class FunctionCargo:
    """A run's function, pickled once; its large buffers lie in the arena until `release`."""

    def __init__(
        self,
        number: int,
        fn: Callable[..., object],
        arena: Arena | None,
        *,
        timeout: float | None,
        variables: list[tuple[ContextVar[Any], Any]],
    ) -> None:
        self.number = number
        self._fn = fn
        self._timeout = timeout
        self._variables = variables
        self._arena = arena
        self._by_value = False
        self._packed = self._encode(())

    def send(self, worker: WorkerProcess) -> bool:
        """Give the worker the function if it does not have it; True when the pipe is full."""
        if self.number in worker.functions:
            return False
        worker.functions.add(self.number)
        packed, arena = self._packed, self._arena
        if arena is not None:
            for offset, _ in packed.refs:
                arena.share(offset)
                worker.slots.append(offset)
        return worker.send(frame(wire.FUNCTION, self.number, packed, worker, b"", self.number))

    def resend_by_value(self, refusal: BaseException) -> None:
        """A worker could not import the function: send its module's code instead.

        Raises:
            NotTransferable: that had been tried already, or the module is not known.
        """
        inner = getattr(self._fn, "fn", self._fn)
        module = sys.modules.get(getattr(inner, "__module__", None) or type(inner).__module__)
        if self._by_value or module is None:
            raise NotTransferable(
                f"workers could not load {brief(inner)}: {type(refusal).__name__}: {refusal}; "
                "check that its module can be imported in a new interpreter"
            ) from refusal
        self._by_value = True
        self.release()
        self._packed = self._encode((module,))

    @property
    def needs_cloudpickle(self) -> bool:
        """Whether workers will import cloudpickle to read the function."""
        return b"cloudpickle" in self._packed.data

    def release(self) -> None:
        """Let go of the arena's slots; workers that still use them hold them."""
        if self._arena is not None:
            for offset, _ in self._packed.refs:
                self._arena.free(offset)
        self._packed.refs.clear()

    def _encode(self, modules: tuple[object, ...]) -> Packed:
        try:
            return encode((self._fn, self._timeout, self._variables), self._arena, 1, modules)
        except Exception as error:
            inner = getattr(self._fn, "fn", self._fn)
            name = getattr(inner, "__name__", type(inner).__name__)
            raise NotTransferable(f"the function cannot be sent to a process: {explain(inner, name, error)}") from error


def pack_items(batch: Batch, arena: Arena | None) -> Packed:
    """The items of a batch as bytes and arena slots."""
    return encode(batch.items, arena)


def frame(
    operation: int, key: int, packed: Packed, worker: WorkerProcess, head: bytes, function: int, flags: int = 0
) -> bytes:
    """A frame with the object, and the slots of the worker's own arena that are free again."""
    freed = worker.freed[:]
    if freed or packed.refs:
        del worker.freed[: len(freed)]
        extra = wire.pack_extra((packed.refs, freed))
        flags |= wire.HAS_EXTRA
    else:
        extra = b""
    if packed.stored:
        flags |= wire.STORED
    return wire.pack(operation, key, extra + head + packed.data, flags=flags, function=function)


def refusal_of(batch: Batch, error: BaseException) -> NotTransferable:
    """The failure of a single item that cannot be pickled."""
    item = batch.items[0]
    failure = NotTransferable(f"item {batch.base} cannot be sent to a process: {explain(item, 'item', error)}")
    failure.__cause__ = error
    return failure
