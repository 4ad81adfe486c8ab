"""The numbers of the objects that events name, in the order of first touch."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from plait._check.record import Place

if TYPE_CHECKING:
    from plait._core.event import Site


class Places:
    """Gives each object a number for as long as it lives.

    The number of an object that has died is not given again, though its address may be. Objects that cannot be
    referred to weakly (lists, dicts) are kept alive instead, until the execution is over.
    """

    __slots__ = ("_forget", "_kept", "_labels", "_made", "next", "numbers")

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.next = 0
        self._kept: list[object] = []
        self._labels: list[str] = []
        self._made: dict[int, Site | None] = {}
        self._forget: dict[int, object] = {}

    def number(self, thing: object) -> int:
        """Its number; hot callers look into `numbers` by ``id`` first."""
        found = self.numbers.get(id(thing))
        return self.add(thing) if found is None else found

    def add(self, thing: object) -> int:
        """A number for what has none yet."""
        key = id(thing)
        try:
            self._forget[key] = weakref.ref(thing, _Forgetting(self.numbers, key))
        except TypeError:
            self._kept.append(thing)
        number = self.numbers[key] = self.new(type(thing).__name__, None)
        return number

    def new(self, label: str, made: Site | None) -> int:
        """The next number, for what keeps it itself."""
        number = self.next
        self.next = number + 1
        self._labels.append(label)
        if made is not None:
            self._made[number] = made
        return number

    def name(self, number: int, label: str) -> None:
        """What people call this one, if it is not its type."""
        self._labels[number] = label

    def table(self) -> dict[int, Place]:
        """All of them, as the record of the execution keeps them."""
        made = self._made
        return {number: Place(number, label, made.get(number)) for number, label in enumerate(self._labels)}


class _Forgetting:
    """Called when an object dies: its address means nothing any more."""

    __slots__ = ("key", "numbers")

    def __init__(self, numbers: dict[int, int], key: int) -> None:
        self.numbers = numbers
        self.key = key

    def __call__(self, _: object) -> None:
        self.numbers.pop(self.key, None)
