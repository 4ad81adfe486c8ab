"""What the hooks in rewritten code do: each turns an access into an event, and hands on what it was given.

The names are ``@plait.read`` and the like, which no source can contain; rewritten code finds them in `builtins`. A site
is a plain tuple of the fields of `Site`.
"""

from __future__ import annotations

import builtins
import operator
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from plait._check.access import CHANGES, LOOKS, MAKERS, WEAK, Part, Sort, Types, container_of, in_class, own_attributes
from plait._check.buffers import element_of
from plait._check.handed import handed
from plait._check.handed_method import handing
from plait._check.named import SLOTS, Named, by_method, inherited, named
from plait._check.opaque import METHODS_OF_FILES, Opaque
from plait._check.process_wide import Access, Within, of_manager, of_managers
from plait._check.stage import STAGE
from plait._core.event import Kind, Site

if TYPE_CHECKING:
    from plait._check.execution import Execution

PREFIX = "@plait."
WHOLE = object()  # the key of a subscript that cannot be known without evaluating it twice
_LONGEST = 40  # characters of a key that is told apart from others

_FIRST = operator.itemgetter(0)
_READ, _WRITE, _ENTER, _PAUSE = Kind.READ, Kind.WRITE, Kind.ENTER, Kind.PAUSE
_INSTANCE, _CONTAINER, _ITERATOR = Sort.INSTANCE, Sort.CONTAINER, Sort.ITERATOR
_CLASS, _MODULE, _COLLECTION = Sort.CLASS, Sort.MODULE, Sort.COLLECTION
_LOCAL, _OWN = Sort.LOCAL, Part.OWN
_OWNERS = (_INSTANCE, _COLLECTION, Sort.BEARER, Sort.FLAG)  # objects with attributes
_CONSTANT = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)
MODULE_SCOPE = "_@scope"  # the hidden global variable that tells the variables of one module from those of another


class Hooks:
    """The hooks of a search; `install` puts them where rewritten code finds them."""

    def __init__(self, types: Types) -> None:
        self._types = types
        self._opaque = Opaque(types)
        self._named: dict[tuple[Any, str], Any] = {}  # the sites of `getattr` and the like, for each attribute

    def install(self) -> None:
        """Rewritten code calls them from now on; they pass on what they are given while there is no execution."""
        builtins.__dict__.update({PREFIX + name: hook for name, hook in self.table().items()})

    def table(self) -> dict[str, Any]:
        """All of them by name, without the prefix."""
        found: dict[str, Any] = {
            "read": self.read,
            "write": self.write,
            "call": self.call,
            "acting": self.acting,
            "calling": self.calling,
            "passing": self.passing,
            "grows": self.grows,
            "handed": handed,
            "handing": self.handing,
            "parent": self.parent,
            "inheriting": self.inheriting,
            "read_item": self.read_item,
            "write_item": self.write_item,
            "whole": self.whole,
            "text": self.text,
            "iterate": self.iterate,
            "within": self.within,
            "load": self.load,
            "store": self.store,
            "enter": self.enter,
            "pause": self.pause,
            "new_scope": Scope,
            "WHOLE": WHOLE,
        }
        return found | _IN_PLACE

    def read(self, thing: Any, site: Any) -> Any:
        """Before an attribute is loaded."""
        execution = STAGE.execution
        if execution is not None:
            kind = type(thing)
            sort = self._types.sorts.get(kind)
            if sort is _INSTANCE:
                parts = self._types.parts.get(kind)
                if parts is None or parts.get(site[6]) is not _OWN:
                    self._read_other(execution, thing, site)
                else:
                    place = execution.places.numbers.get(id(thing))
                    if place is None:
                        place = execution.places.add(thing)
                    execution.step(_READ, place, site[6], site)
            elif sort is None or sort >= _CLASS or sort < 0:
                self._read_other(execution, thing, site)
        return thing

    def write(self, thing: Any, site: Any) -> Any:
        """Before an attribute is stored or deleted."""
        execution = STAGE.execution
        if execution is not None:
            kind = type(thing)
            sort = self._types.sort(kind)
            owns = sort in _OWNERS
            if self._types.part(kind, site[6]) is not Part.FIXED if owns else sort >= _CLASS:
                place = thing.__dict__.get(MODULE_SCOPE, thing) if sort is _MODULE else thing
                if sort is not _LOCAL:
                    execution.step(_WRITE, execution.places.number(place), site[6], site)
                elif execution.running.kind == "task":
                    execution.step(_WRITE, execution.places.number(thing.__dict__), site[6], site)
        return thing

    def _read_other(self, execution: Execution, thing: Any, site: Any) -> None:
        kind = type(thing)
        sort = self._types.sort(kind)
        name = site[6]
        if sort in _OWNERS:
            part = self._types.part(kind, name)
            if part is Part.SHARED and name not in own_attributes(thing):
                # It is the class's now, and the instance's own as soon as somebody stores it: both may come in between.
                owner = self._types.owner(kind, name)
                execution.step(_READ, execution.places.number(owner), name, site)
            elif part is not _OWN and name not in own_attributes(thing):
                return
        elif sort is _CLASS:
            if self._types.part(thing, name) is not Part.SHARED:
                return
            thing = self._types.owner(thing, name)
        elif sort is _MODULE:
            value = thing.__dict__.get(name, self)
            if thing.__dict__.get("__file__") not in execution.sites.files or isinstance(value, _CONSTANT):
                return
            thing = thing.__dict__.get(MODULE_SCOPE, thing)
        elif sort is _LOCAL and execution.running.kind == "task":
            thing = thing.__dict__  # that of the thread, which all tasks of its loop share
        else:
            return
        execution.step(_READ, execution.places.number(thing), name, site)

    def call(self, thing: Any, site: Any, *given: Any) -> Any:
        """Before a method is called, when the arguments `given` have been evaluated; it loads an attribute, too."""
        execution = STAGE.execution
        if execution is not None:
            sort = self._types.sort(type(thing))
            if site[6] in SLOTS:
                self._by_name(by_method(thing, site[6], given), site)
            elif sort is _CONTAINER and not given:
                kind = _WRITE if site[6] in CHANGES else _READ
                execution.step(kind, execution.places.number(container_of(thing)), "[]", site)
            elif sort is Sort.FLAG:
                if site[6] in LOOKS:
                    execution.step(Kind.TRY, -1, "look", site)
            elif sort > 0 or given or site[6] in METHODS_OF_FILES:  # most calls are of what is ignored
                if sort >= _INSTANCE:
                    self.read(thing, site)
                self._happen(execution, self._opaque.method(thing, site[6], given), site)
        return thing

    def acting(self, value: Any, thing: Any, site: Any, *given: Any) -> Any:
        """When the last argument of a method call has been evaluated; `given` are others."""
        self.call(thing, site, *given, value)
        return value

    def calling(self, function: Any, site: Any, *given: Any) -> Any:
        """Before a function is called, when the arguments `given` have been evaluated."""
        execution = STAGE.execution
        if execution is not None:
            attribute = named(function, given)
            if attribute is not None:
                self._by_name(attribute, site)
            else:
                self._happen(execution, self._opaque.called(function, given), site)
        return function

    def passing(self, value: Any, function: Any, site: Any, *given: Any) -> Any:
        """When the last argument of a call of a function has been evaluated; `given` are others."""
        self.calling(function, site, *given, value)
        return value

    def handing(self, value: Any, site: Any, taker: str) -> Any:
        """When a method is handed over, to be called by code without hooks."""
        return value if STAGE.execution is None else handing(value, site, taker, self.calling)

    def parent(self, thing: Any, site: Any) -> None:
        """Before a method that a class of the user's has from a container is called through ``super()``."""
        execution = STAGE.execution
        if execution is not None and self._types.sort(type(thing)) is _COLLECTION:
            kind = _WRITE if site[6] in CHANGES else _READ
            execution.step(kind, execution.places.number(thing), "[]", site)

    def inheriting(self, value: Any, thing: Any, site: Any, *given: Any) -> Any:
        """When the last argument of ``super().__setattr__`` or the like has been evaluated; `given` are others."""
        if STAGE.execution is not None:
            self._by_name(inherited(thing, site[6], (*given, value), site[5]), site)
        return value

    def grows(self, value: Any, thing: Any, site: Any) -> Any:
        """Before something is added in place to what a local variable has; it may be a list that others have, too."""
        execution = STAGE.execution
        if execution is not None:
            sort = self._types.sort(type(thing))
            if sort is _CONTAINER or self._holds(execution, thing, sort):
                self._happen(execution, self._opaque.looks((value,)), site)
                execution.step(_WRITE, execution.places.number(container_of(thing)), "[]", site)
        return value

    def _by_name(self, attribute: Named | None, site: Any) -> None:
        if attribute is None:
            return
        thing, name, reads = attribute
        known = self._named.get((site, name))
        if known is None:
            known = self._named[site, name] = Site._make((*site[:6], name))
        if not reads and site[5].rpartition(".")[2] not in MAKERS:
            self._types.thaw(type(thing))
        (self.read if reads else self.write)(thing, known)

    def _happen(self, execution: Execution, accesses: Iterable[Access], site: Any) -> None:
        for kind, thing, name in sorted(accesses, key=_FIRST):  # nobody comes between a change and what makes it
            if type(thing) in WEAK:
                execution.places.due = 0
            execution.step(kind, execution.places.number(thing), name, site)

    def _holds(self, execution: Execution, thing: Any, sort: Sort) -> bool:
        if type(thing) in WEAK:
            execution.places.due = 0
        return sort is _COLLECTION or (sort is _INSTANCE and self._opaque.holds(type(thing)))

    def read_item(self, thing: Any, site: Any, key: Any) -> Any:
        """Before an element is loaded."""
        if STAGE.execution is not None and not _is_view(thing, key):
            self._item(STAGE.execution, _READ, thing, site, key)
        return thing

    def write_item(self, thing: Any, site: Any, key: Any) -> Any:
        """Before an element is stored or deleted."""
        if STAGE.execution is not None:
            self._item(STAGE.execution, _WRITE, thing, site, key)
        return thing

    def _item(self, execution: Execution, kind: Kind, thing: Any, site: Any, key: Any) -> None:
        sort = self._types.sort(type(thing))
        if not (sort is _CONTAINER or (sort >= _INSTANCE and self._holds(execution, thing, sort))):
            return
        name = element(element_of(thing, key) if type(thing) is memoryview else key)
        me = execution.step(kind, execution.places.number(container_of(thing)), name, site)
        if me is not None and not me.quiet:
            execution.elements.touch(execution.events[-1], len(execution.events) - 1, thing, key)

    def whole(self, thing: Any, site: Any) -> Any:
        """Before something looks at all of it: ``len``, ``in``, ``==``, an f-string; ``next`` of an iterator."""
        execution = STAGE.execution
        if execution is not None:
            sort = self._types.sort(type(thing))
            if sort is _CONTAINER:
                execution.step(_READ, execution.places.number(container_of(thing)), "[]", site)
            elif sort is _ITERATOR:
                execution.step(_WRITE, execution.places.number(thing), "[]", site)
            elif sort >= _INSTANCE and self._holds(execution, thing, sort):
                execution.step(_READ, execution.places.number(container_of(thing)), "[]", site)
        return thing

    def text(self, thing: Any, site: Any) -> Any:
        """Before it is compared, or made a text: the methods that a dataclass has for that look at all fields."""
        execution = STAGE.execution
        if execution is not None:
            if self._types.sort(type(thing)) is not _INSTANCE:
                return self.whole(thing, site)
            if in_class(type(thing), "__dataclass_fields__"):
                self._happen(execution, self._opaque.fields(thing), site)
            else:
                self.whole(thing, site)
        return thing

    def iterate(self, thing: Any, site: Any) -> Any:
        """Before a loop over it; each step of the loop will be an event."""
        execution = STAGE.execution
        if execution is not None:
            sort = self._types.sort(type(thing))
            if sort is _CONTAINER or (sort >= _INSTANCE and self._holds(execution, thing, sort)):
                return Steps(iter(thing), container_of(thing), _READ, site)
            if sort is _ITERATOR:
                return Steps(thing, thing, _WRITE, site)
        return thing

    def within(self, manager: Any, site: Any) -> Any:
        """Before a `with` block; one that changes the process for a while is told when it begins and when it ends."""
        execution = STAGE.execution
        if execution is None or not (type(manager) is ExitStack or of_manager(manager)):
            return manager
        return Within(manager, partial(self._again, manager, site))

    def _again(self, manager: Any, site: Any) -> None:
        execution = STAGE.execution
        if execution is not None and (accesses := of_managers(manager)):
            self._happen(execution, accesses, site)

    def load(self, scope: object, site: Any) -> None:
        """Before a shared variable is loaded."""
        execution = STAGE.execution
        if execution is not None:
            place = execution.places.numbers.get(id(scope))
            execution.step(_READ, execution.places.add(scope) if place is None else place, site[6], site)

    def store(self, value: Any, scope: object, site: Any) -> Any:
        """Before a shared variable is bound to this value."""
        execution = STAGE.execution
        if execution is not None:
            execution.step(_WRITE, execution.places.number(scope), site[6], site)
        return value

    def enter(self, site: Any) -> None:
        """A function begins."""
        execution = STAGE.execution
        if execution is not None:
            execution.step(_ENTER, -1, "", site)

    def pause(self, value: Any, site: Any) -> Any:
        """Before a yield or an await."""
        execution = STAGE.execution
        if execution is not None:
            execution.step(_PAUSE, -1, "", site)
        return value


class Scope:
    """Tells the variables of one call of a function, or of one module, from those of another."""

    __slots__ = ("__weakref__",)


class Steps:
    """An iterator each step of which is an event."""

    __slots__ = ("_inner", "_kind", "_site", "_thing")

    def __init__(self, inner: Iterator[Any], thing: object, kind: Kind, site: Any) -> None:
        self._inner = inner
        self._thing = thing
        self._kind = kind
        self._site = site

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Any:
        self._step()
        return next(self._inner)

    def send(self, value: Any) -> Any:
        """For ``yield from`` a generator."""
        self._step()
        return self._inner.send(value)  # type: ignore[attr-defined]  # only called when it is a generator

    def throw(self, *error: Any) -> Any:
        """For ``yield from`` a generator."""
        if not hasattr(self._inner, "throw"):
            raise error[0]
        return self._inner.throw(*error)

    def close(self) -> None:
        """For ``yield from`` a generator."""
        if hasattr(self._inner, "close"):
            self._inner.close()

    def _step(self) -> None:
        execution = STAGE.execution
        if execution is not None:
            execution.step(self._kind, execution.places.number(self._thing), "[]", self._site)


def _is_view(thing: Any, key: Any) -> bool:
    """Whether it is a part of a view of memory, in which nobody has looked yet."""
    return type(thing) is memoryview and (key is WHOLE or type(key) is slice)


def element(key: Any) -> str:
    """The name of one element of a container in events; ``[]`` if it cannot be told from others for certain."""
    kind = type(key)
    if kind is int:
        return f"[{key}]" if key >= 0 else "[]"  # -1 may be any element of a list
    if kind is str and len(key) <= _LONGEST:
        return f"[{key!r}]"
    return "[]"


_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name)
    for name in ("iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ixor ior".split())
}
