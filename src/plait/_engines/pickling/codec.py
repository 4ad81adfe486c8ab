"""Objects to bytes and back between processes: plain pickle first, by value when names would not be found over there.

Buffers from 32 KiB up (numpy, arrow, pandas and everything else that pickles out of band, PEP 574) go through the
sender's arena, and so does the pickle itself when it is large. What lives in ``__main__``, lambdas, closures and local
classes are pickled by value by cloudpickle, which is only imported for them.
"""

from __future__ import annotations

from _collections_abc import Callable
from _io import BytesIO
from _pickle import PickleBuffer, PicklingError, Unpickler, dumps, loads
from copyreg import _extension_cache  # type: ignore[attr-defined]  # classes that pickles name by number

from plait._core.importable import is_importing
from plait._engines.arena import THRESHOLD, Arena, ArenaFull, Window
from plait._engines.carried import SENDING, STRANGERS
from plait._engines.pickling.functions import dumps_simple
from plait._engines.pickling.of_multiprocessing import PIPES

Refs = list[tuple[int, int]]

_PIPES = PIPES.encode()


class Packed:
    """An object on its way: the pickle, and where its large buffers lie in the sender's arena.

    When `stored` is true the pickle itself is the last of the buffers and `data` is empty.
    """

    __slots__ = ("data", "refs", "stored")

    def __init__(self, data: bytes, refs: Refs, stored: bool) -> None:
        self.data = data
        self.refs = refs
        self.stored = stored


def encode(
    value: object,
    arena: Arena | None,
    holders: int = 1,
    modules: tuple[object, ...] = (),
    *,
    home: bool = False,
    plain: bool = True,
) -> Packed:
    """The object as bytes, with large buffers in `arena` (None: everything in the bytes).

    Objects of the `modules` are pickled by value too. What goes `home` is named if it has come from ``__main__`` there,
    and changes nothing that is known there. What is not `plain` is nothing for pickle itself.

    Raises:
        Exception: whatever pickle, cloudpickle or the object's own methods raise; no slot stays taken.
    """
    refs: Refs = []

    def place(buffer: PickleBuffer) -> bool:
        if arena is None:
            return True
        try:
            raw = buffer.raw()
            if raw.nbytes < THRESHOLD:
                return True
            refs.append((arena.put(raw, holders), raw.nbytes))
        except (BufferError, ArenaFull):  # not contiguous, or no room: inside the pickle
            return True
        return False

    def undo() -> None:
        release(refs, arena, holders)

    outer, SENDING.made = SENDING.made, None if modules else {}
    try:
        make = _pickle if plain else _pickle_by_value
        data = make(value, place, undo, modules, home)
    except BaseException:
        undo()
        raise
    finally:
        SENDING.made = outer
    if arena is None or len(data) < THRESHOLD * 2:
        return Packed(data, refs, stored=False)
    try:
        refs.append((arena.put(memoryview(data), holders), len(data)))
    except ArenaFull:
        return Packed(data, refs, stored=False)
    return Packed(b"", refs, stored=True)


def pickled(function: object) -> bytes:
    """All of a function that cannot be sent as a name, as `encode` would have it.

    Raises:
        Exception: as `encode`.
    """
    return _pickle_by_value(function, _inside, _nothing, (), False)


def _inside(_: PickleBuffer) -> bool:
    return True


def _nothing() -> None:
    """There is nothing to undo."""


def encode_small(value: object) -> bytes | None:
    """The pickle, to go home, of an object without large buffers that plain pickle can carry; None: see `encode`."""
    if STRANGERS.here:
        return None
    try:
        data = dumps(value, 5, buffer_callback=_is_small)
    except Exception:  # whatever it is, it comes again
        return None
    return data if len(data) < THRESHOLD and _PIPES not in data else None


def _is_small(buffer: PickleBuffer) -> bool:
    if buffer.raw().nbytes >= THRESHOLD:
        raise BufferError("too large to be copied into the pickle")
    return True


def release(refs: Refs, arena: Arena | None, holders: int = 1) -> None:
    """Free the slots of an object that will not be sent after all."""
    if arena is not None:
        for offset, _ in refs:
            for _ in range(holders):
                arena.free(offset)
    refs.clear()


def decode(data: memoryview | bytes, refs: Refs, stored: bool, window: Window | None) -> object:
    """The object again; its large buffers are views of the sender's arena and live as long as it does."""
    if not refs:
        return loads(data)
    assert window is not None
    buffers = [window.view(offset, length) for offset, length in refs]
    if stored:
        data = buffers.pop()
    return loads(data, buffers=buffers)


def decode_items(data: memoryview, refs: Refs, stored: bool, window: Window | None) -> tuple[object, bool]:
    """As `decode`, and whether all of it is plain: numbers, texts, containers of them, whose code is Python's own."""
    if stored and len(refs) == 1:
        assert window is not None
        data = window.view(*refs[0])
    elif refs:
        return decode(data, refs, stored, window), False
    unpickler = _Watchful(BytesIO(data))
    value = unpickler.load()
    return value, not (unpickler.classes or _extension_cache)


class _Watchful(Unpickler):
    """Notes whether it has met anything that is not built of literals; for numbers and texts it costs nothing."""

    classes = False

    def find_class(self, module: str, name: str) -> object:
        self.classes = self.classes or (module, name) not in _PLAIN_CLASSES
        return super().find_class(module, name)


_PLAIN_CLASSES = frozenset({("builtins", "complex"), ("builtins", "range"), ("builtins", "slice")})


def _pickle(
    value: object,
    place: Callable[[PickleBuffer], bool],
    undo: Callable[[], None],
    modules: tuple[object, ...],
    home: bool,
) -> bytes:
    if not (modules or (STRANGERS.here if home else is_importing())):  # it imports what it names, or waits for that
        try:
            data = dumps(value, 5, buffer_callback=place)
        except (PicklingError, AttributeError, TypeError):
            undo()
        except RuntimeError as error:  # a lock of multiprocessing says that it goes to its own processes only
            if isinstance(error, RecursionError):
                raise
            undo()
        else:
            if (home or b"__main__" not in data) and _PIPES not in data:
                return data
            undo()
    return _pickle_by_value(value, place, undo, modules, home)


def _pickle_by_value(
    value: object,
    place: Callable[[PickleBuffer], bool],
    undo: Callable[[], None],
    modules: tuple[object, ...],
    home: bool,
) -> bytes:
    if not modules:
        try:
            return dumps_simple(value, place)
        except Exception:  # cloudpickle may know better; if not, its error is the one to show
            undo()
    from plait._engines.pickling.by_value import dumps_by_value  # heavy: only for what plain pickle cannot carry

    return dumps_by_value(value, place, modules, versions=not home, bundles=not (home or modules))
