"""The numbers of the objects that events name, in the order of first touch."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import TYPE_CHECKING, Final

from plait._check.record import Place

if TYPE_CHECKING:
    from plait._core.event import Site


_getrefcount = sys.getrefcount
_collect = gc.collect
_ALONE: Final = next(map(_getrefcount, [[]]))  # references to what nobody has but a list
_FREE = 20_000  # looks at what is kept that an execution may take as often as it likes; then each costs it a step
_LOOKS = 16  # that a sweep counts for, beside those at what is kept
_NEVER = sys.maxsize
_MOST_LOCKED = 32  # collections of garbage in an execution, since a lock was taken: fewer where more is to look at
_LEAST_LOCKED = 8  # of them in any case: a package takes some locks before it comes to the one that a finalizer wants


class Places:
    """Gives each object a number for as long as it lives.

    The number of an object that has died is not given again, though its address may be. Objects that cannot be
    referred to weakly (lists, dicts, most iterators) are kept alive instead, until a sweep finds that nobody else has
    them: what is in them would live on, and the program can notice that.

    Attributes:
        numbers: of what lives, by ``id``.
        next: the number that the next one gets.
        due: how many events there are when `sweep` is to be called.
        finalizes: whether the program has finalizers, which may run whenever garbage is collected.
    """

    __slots__ = ("_again", "_files", "_forget", "_kept", "_labels", "_locked", "_looks", "_made", "_opened", "due",
                 "finalizes", "next", "numbers")  # fmt: skip

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.next = 0
        self.due = _NEVER
        self.finalizes = False
        self._again = 0
        self._looks = 0
        self._locked = 0
        self._files = 0
        self._opened: dict[int, int] = {}
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
            self.due = min(self.due, self._again)
        number = self.numbers[key] = self.new(type(thing).__name__, None)
        return number

    def sweep(self, events: int) -> None:
        """What the program has let go of goes; what that runs, ``__del__`` for example, may come here again."""
        kept = self._kept
        while _ALONE in map(_getrefcount, kept):
            self._drop([at for at, count in enumerate(map(_getrefcount, kept)) if count == _ALONE])
        looks = self._looks = self._looks + len(kept) + _LOOKS
        if looks < _FREE and kept:
            return  # it is due again at once: most sweeps end here
        if looks >= _FREE:
            self._again = events + len(kept) + _LOOKS
        self.due = self._again if kept else _NEVER

    def loaded(self, *, finalizes: bool) -> None:
        """A file of the user's is run, which may have finalizers."""
        self._files += 1
        self.finalizes = self.finalizes or finalizes

    def locked(self, times: int) -> None:
        """A lock has been taken so often; garbage may be collected at any moment: here at the first, second, fourth."""
        if times & (times - 1) == 0 and self._locked < max(_LEAST_LOCKED, _MOST_LOCKED // self._files):
            self._locked += 1
            self.sweep(0)
            _collect()  # what was there before the search is frozen

    def collect(self) -> int:
        """As `gc.collect`, for which what only we hold on to is garbage, too.

        What is kept is put into a circle that nobody else refers to, and the collector is told to save what it finds:
        the circle, and with it all that hung on it alone. While a collection goes on, of which a finalizer has given
        way to another thread, there is no second one: as in CPython, nothing is collected then.
        """
        self.sweep(0)
        held = _Circle(self._kept[:])
        self._kept.clear()
        flags, before = gc.get_debug(), gc.garbage[:]
        seen = weakref.ref(held)
        del held
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            _collect()
        finally:
            gc.set_debug(flags)
        if (uncollected := seen()) is not None:
            self._kept[:0] = uncollected.things
            return 0
        held = next(one for one in gc.garbage if type(one) is _Circle)
        self._kept[:0] = held.things
        found = set(map(id, gc.garbage))
        self._drop([at for at, thing in enumerate(held.things) if id(thing) in found])
        held.itself = None
        held.things.clear()
        gc.garbage[:] = before
        return _collect()

    def _drop(self, positions: list[int]) -> None:
        dead = [self._kept[at] for at in positions]
        for at in reversed(positions):
            self.numbers.pop(id(self._kept.pop(at)), None)
        dead.clear()

    def opened(self, descriptor: int) -> int:
        """The number of what a descriptor stands for; of whatever has this one later, too."""
        if descriptor not in self._opened:
            self._opened[descriptor] = self.new("descriptor", None)
        return self._opened[descriptor]

    def new(self, label: str, made: Site | None) -> int:
        """The next number, for what keeps it itself."""
        number = self.next
        self.next = number + 1
        self._labels.append(label)
        if made is not None:
            self._made[number] = made
        return number

    def table(self) -> dict[int, Place]:
        """All of them, as the record of the execution keeps them."""
        made = self._made
        return {number: Place(label, made.get(number)) for number, label in enumerate(self._labels)}


class _Forgetting:
    """Called when an object dies: its address means nothing any more."""

    __slots__ = ("key", "numbers")

    def __init__(self, numbers: dict[int, int], key: int) -> None:
        self.numbers = numbers
        self.key = key

    def __call__(self, _: object) -> None:
        self.numbers.pop(self.key, None)


class _Circle:
    """Refers to itself, and to these."""

    def __init__(self, things: list[object]) -> None:
        self.things = things
        self.itself: _Circle | None = self
