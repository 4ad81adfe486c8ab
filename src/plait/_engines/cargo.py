"""What a run sends to its workers: its function once per worker, and batches of items."""

from __future__ import annotations

import sys
from _collections_abc import Callable
from contextvars import ContextVar
from functools import partial
from types import ModuleType
from typing import Any

from plait._core.batch import Batch
from plait._core.errors import NotTransferable
from plait._core.outcome import brief
from plait._core.rng import Seeding
from plait._engines import wire
from plait._engines.arena import Arena
from plait._engines.pickling.codec import Packed, encode
from plait._engines.pickling.hidden_instances import is_method_of_hidden
from plait._engines.pickling.instead import instead_of
from plait._engines.pickling.locate import PARTS, does_not_come_back, explain, find
from plait._engines.remote_worker import RemoteWorker

_A = {"process": "a process", "interpreter": "an interpreter", "executor": "a worker"}  # by the kind of a host
_SHOWN = 60  # characters of a call that cannot be sent


class FunctionCargo:
    """A run's function, pickled once; its large buffers lie in the arena until `release`.

    `needs` is unpickled with it and may raise then.

    Attributes:
        number: names the function in its present form.
        modules: those that workers cannot import; what belongs to them is sent by value.
    """

    def __init__(
        self,
        number: int,
        fn: Callable[..., object],
        arena: Arena | None,
        *,
        timeout: float | None,
        seeding: Seeding,
        variables: list[tuple[ContextVar[Any], Any]],
        needs: object = None,
    ) -> None:
        self.number = number
        self._fn = fn
        self._timeout = timeout
        self._seeding = seeding
        self._variables = variables
        self._needs = needs
        self._arena = arena
        self.modules: tuple[ModuleType, ...] = ()
        self._packed = self._encode()

    @property
    def data(self) -> bytes:
        """The function's pickle, where there is no arena."""
        return self._packed.data

    def frame_for(self, worker: RemoteWorker) -> bytes:
        """The frame that gives the worker the function; empty if it has it."""
        if self.number in worker.functions:
            return b""
        worker.functions.add(self.number)
        packed, arena = self._packed, self._arena
        if arena is not None:
            for offset, _ in packed.refs:
                arena.share(offset)
                worker.slots.append(offset)
        return frame(wire.FUNCTION, self.number, packed, worker, b"", self.number)

    def include(self, refusal: BaseException, number: int, *, or_own: bool = False) -> bool:
        """Send the module that a worker could not load by value from now on, under a new number.

        False when it has been tried already, or when no module is to blame. With `or_own` any failure but a missing
        module is put down to the function's own module, which may be another one over there.

        Raises:
            NotTransferable: the function cannot be pickled by value.
        """
        module = self._blamed(refusal, or_own=or_own)
        if module is None or module in self.modules:
            return False
        self.modules += (module,)
        self.number = number
        self.release()
        self._packed = self._encode()
        return True

    def unloadable(self, refusal: BaseException) -> NotTransferable:
        """The error when workers cannot load the function whatever is sent."""
        inner = what_was_passed(self._fn)
        path, part = find(inner, getattr(inner, "__name__", type(inner).__name__), does_not_come_back)
        if part is inner:
            why = f"{type(refusal).__name__}: {refusal}; check that its module can be imported in a new interpreter"
        else:
            kind = type(part).__name__
            why = f"{path}, of class {kind}, can be pickled but not unpickled ({refusal}); {instead_of(part, path)}"
        return NotTransferable(f"workers could not load {brief(inner)}: {why}")

    def _blamed(self, refusal: BaseException, *, or_own: bool) -> ModuleType | None:
        if isinstance(refusal, ModuleNotFoundError):
            return sys.modules.get(refusal.name or "")
        if not or_own:
            return None
        inner = what_was_passed(self._fn)
        return sys.modules.get(getattr(inner, "__module__", None) or type(inner).__module__)

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

    def _encode(self) -> Packed:
        try:
            assignment = self._fn, self._timeout, self._seeding, self._variables, self._needs
            hidden = is_method_of_hidden(what_was_passed(self._fn))
            return encode(assignment, self._arena, 1, self.modules, plain=not hidden)
        except Exception as error:
            inner = what_was_passed(self._fn)
            name = getattr(inner, "__name__", type(inner).__name__)
            why = explain(self._fn if hasattr(type(self._fn), PARTS) else inner, name, error)
            raise NotTransferable(f"the function cannot be sent to a process: {why}") from error


def what_was_passed(fn: object) -> object:
    """The user's function, without our own wrapper and ``functools.partial``."""
    return layers_of(fn)[-1]


def layers_of(fn: object) -> list[object]:
    """The function, what is in it if it is our own wrapper or a ``functools.partial``, and so on to the user's."""
    layers = [fn]
    while True:  # by type: an object of the user's, such as a mock, may answer to any name, without end
        if isinstance(fn, partial):
            fn = fn.func
        elif str(type(fn).__module__).startswith("plait._") and getattr(fn, "fn", None) is not None:
            fn = fn.fn  # type: ignore[attr-defined]  # asked for above
        else:
            return layers
        layers.append(fn)


def pack_items(batch: Batch, arena: Arena | None, modules: tuple[ModuleType, ...]) -> Packed:
    """The items of a batch as bytes and arena slots; what belongs to the `modules` goes by value."""
    return encode(batch.items, arena, 1, modules)


def frame(
    operation: int, key: int, packed: Packed, worker: RemoteWorker, head: bytes, function: int, flags: int = 0
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


def refusal_of(batch: Batch, error: BaseException, kind: str) -> NotTransferable:
    """The failure of a single item that cannot be pickled."""
    item = batch.items[0]
    what = brief(item, _SHOWN) if hasattr(type(item), PARTS) else f"item {batch.base}"
    failure = NotTransferable(f"{what} cannot be sent to {_A[kind]}: {explain(item, 'item', error)}")
    failure.__cause__ = error
    return failure
