"""Bundles: classes of the program's on their way to workers, as the bytes of the first time while nothing has changed.

A worker reads each bundle once, and has the classes in it from then on, until one of them changes.
"""

from __future__ import annotations

from _blake2 import blake2b
from _collections_abc import Callable
from _pickle import loads

from plait._engines.pickling.unchanged import Parts
from plait._engines.worker_main import is_of_main

_MOST = 512  # classes whose bundles are kept here, and bundles whose classes a worker keeps
_DIGEST_BYTES = 16
_made: dict[int, Bundle] = {}  # by the identity of a class, which its bundle keeps alive
_opened: dict[bytes, list[type]] = {}  # in a worker


class Bundle:
    """A class and those that it names, pickled; in the pickle that it is part of it becomes their list.

    Raises:
        Exception: it cannot be said when it has changed, or it cannot be pickled.
    """

    def __init__(self, kind: type, by_name: Callable[[object], bool], dump: Callable[[object], bytes]) -> None:
        self._parts = Parts(kind, by_name)
        self._data = dump(self._parts.kinds)
        self._digest = blake2b(self._data, digest_size=_DIGEST_BYTES).digest()
        self._places = {id(each): place for place, each in enumerate(self._parts.kinds)}
        if self.current:
            if len(_made) >= _MOST:
                _made.clear()
            for each in filter(is_of_main, self._parts.kinds):
                _made.setdefault(id(each), self)

    def __reduce__(self) -> tuple[object, ...]:
        return open_bundle, (self._digest, self._data)

    @property
    def current(self) -> bool:
        """Whether nothing has changed since it was made."""
        return self._parts.unchanged

    def place_of(self, kind: type) -> int:
        """Where the class is in the list."""
        return self._places[id(kind)]


def bundle_of(kind: type, by_name: Callable[[object], bool], dump: Callable[[object], bytes]) -> Bundle | None:
    """The bundle with this class as it is now; None if it is not one of ``__main__``, or there can be none."""
    if not is_of_main(kind):
        return None
    try:
        bundle = _made.get(id(kind))
        if bundle is not None and bundle.current:
            return bundle
        _made.pop(id(kind), None)  # another thread may have done so
        return Bundle(kind, by_name, dump)
    except Exception:  # whatever is in the class, it goes with each pickle then, which says what is wrong
        return None


def open_bundle(digest: bytes, data: bytes) -> list[type]:
    """The classes in a bundle, in a worker."""
    kinds = _opened.get(digest)
    if kinds is None:
        kinds = loads(data)
        if len(_opened) >= _MOST:
            _opened.clear()
        _opened[digest] = kinds
    return kinds


def read_anew() -> None:
    """A class in this worker is not any more what it was when its bundle was read."""
    _opened.clear()
