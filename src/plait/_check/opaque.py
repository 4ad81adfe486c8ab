"""What code without hooks does to what threads share, when the user's code calls it.

A function of the standard library that is given a list, a method of somebody else's object, `getattr`, a file: nothing
in them is an event. So the events come right before the call, as if it were one step. What is the user's own has hooks,
and what has events of its own (threads, locks, queues, event loops) needs none.
"""

from __future__ import annotations

import functools
import io
import os
import sys
import types
import weakref
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, Final

from plait._check.access import CHANGES, IGNORED, Part, Sort, Types, container_of, in_class, own_attributes
from plait._check.process_wide import IN_DATABASE, IN_FILES, SETTINGS, Access, of_function, of_manager, of_method
from plait._check.stage import STAGE
from plait._core.event import Kind

_CONTAINER, _COLLECTION, _ITERATOR, _INSTANCE = Sort.CONTAINER, Sort.COLLECTION, Sort.ITERATOR, Sort.INSTANCE
_READ, _WRITE = Kind.READ, Kind.WRITE
_FIELDS = 8  # of an instance that is looked at as a whole; the first ones stand for the others
_CALLED: Final = {weakref.ref: _READ, weakref.WeakMethod: _READ, type(functools.lru_cache(len)): _WRITE}


class Act(IntEnum):
    """What a method of an object does that is not the user's."""

    NONE = 0
    LOOK = 1
    CHANGE = 2
    LOOK_AT_FILES = 3
    CHANGE_FILES = 4
    LOOK_AT_DATA = 5
    CHANGE_DATA = 6


FILES: Final = type(IN_FILES, (), {})()
"""Stands for all that is kept in files: which of them a call means cannot be told."""
DATABASE: Final = type(IN_DATABASE, (), {})()
"""Stands for all that is kept in databases: which of them, and what in it, cannot be told."""


class Opaque:
    """Tells the accesses of a call of code that has no hooks."""

    def __init__(self, kinds: Types) -> None:
        self._types = kinds

    def called(self, function: Any, given: tuple[Any, ...]) -> Iterable[Access]:
        """What calling the function with these arguments does."""
        kind = type(function)
        if kind is types.FunctionType:
            return () if self._is_mine(function) else self._function(function, given)
        if kind is types.MethodType or kind is types.BuiltinFunctionType:
            return self._bound(function, given)
        if kind is functools.partial:
            return self.called(function.func, (*function.args, *given))
        if isinstance(function, type):
            sort = Sort.IGNORED if self._types.is_mine(function) else self._types.sort(function)
            return self.looks(given) if sort is _CONTAINER or function in _WHOLE else ()
        return [(_CALLED[kind], function, "[]")] if kind in _CALLED else ()

    def _bound(self, function: Any, given: tuple[Any, ...]) -> Iterable[Access]:
        owner, inner = function.__self__, getattr(function, "__func__", None)
        if inner is not None and self._is_mine(inner):
            return ()
        if owner is None or isinstance(owner, types.ModuleType):
            return self._function(function, given)
        return self.method(owner, getattr(inner or function, "__name__", ""), given)

    def method(self, thing: Any, name: str, given: tuple[Any, ...]) -> Iterable[Access]:
        """What calling this method of the thing does."""
        kind = type(thing)
        sort = self._types.sort(kind)
        found: list[Access] = []
        if sort is _CONTAINER or sort is _ITERATOR or (sort is _COLLECTION and self._inherits(kind, name)):
            changes = sort is _ITERATOR or name in CHANGES
            found.append((_WRITE if changes else _READ, container_of(thing), "[]"))
        elif sort is _INSTANCE:
            found += self._of_instance(thing, name, given)
        elif sort is Sort.MODULE:
            return self.called(thing.__dict__.get(name), given)
        elif sort is Sort.CLASS and given and isinstance(given[0], thing) and not self._types.is_mine(thing):
            return self.method(given[0], name, given[1:])  # dict.get(known, key)
        elif name in _OF_FILES["io"] and isinstance(thing, io.IOBase):
            memory = isinstance(getattr(thing, "buffer", thing), (io.StringIO, io.BytesIO))
            act = Act.LOOK if name in _LOOKS else Act.CHANGE
            found.append(_access(act if memory else Act(act + 2), thing))
        if given and (name in CONSUMING or name in FILLING):
            kind_of_look = _WRITE if name in FILLING else _READ
            found += [access for one in given for access in self._look(one, kind_of_look)]
        return found

    def _of_instance(self, thing: Any, name: str, given: tuple[Any, ...]) -> list[Access]:
        kind = type(thing)
        kept = self._kept(thing, name)
        if kept is not None:
            return [*self.called(kept, given)]
        wide, obeyed = self._wide(thing, name, given), _OBEYED.get(f"{kind.__module__}.{kind.__name__}")
        if wide is not None:
            return [wide]
        if obeyed is not None:
            return [(_READ, thing, obeyed)]
        act = self.act(kind, name)
        if act is Act.CHANGE_DATA and given and type(given[0]) is str and given[0].lstrip()[:6].upper() == "SELECT":
            act = Act.LOOK_AT_DATA
        if act is Act.CHANGE_FILES and _only_reads(name, given):
            act = Act.LOOK_AT_FILES
        rows = (
            act >= Act.LOOK_AT_DATA and in_class(kind, "fetchone") is not None
        )  # a cursor has those of its last statement
        return [*([_access(act, thing)] if act else []), *([(_WRITE, thing, "[]")] if rows else [])]

    def _kept(self, thing: Any, name: str) -> Any:
        """What an attribute of the instance itself has, a function that it was given; None if it is the class's."""
        kept = own_attributes(thing).get(name)
        if kept is None and self._types.part(type(thing), name) is Part.OWN:
            slot = _definer(type(thing), name).__dict__.get(name)
            if type(slot) is types.MemberDescriptorType:
                kept = getattr(thing, name, None)
        return kept

    def _wide(self, thing: Any, name: str, given: tuple[Any, ...]) -> Access | None:
        """What it does to something that the process has one of; None if nothing."""
        if name == "enter_context" and given:
            return of_manager(given[0])
        return of_method(thing, name)

    def looks(self, given: tuple[Any, ...]) -> list[Access]:
        """Looking at all of each argument that is a container; what goes through an iterator takes from it."""
        return [access for thing in given for access in self._look(thing, _READ)]

    def holds(self, kind: type) -> bool:
        """Whether objects of this class, which are no builtin containers, hold others all the same."""
        return any(self.act(kind, name) for name in ("__getitem__", "__len__", "__contains__"))

    def act(self, kind: type, name: str) -> Act:
        """What a method of instances of this class does to them."""
        acts = self._types.acts.get(kind)
        if acts is None:
            self._types.sort(kind)
            acts = self._types.acts[kind] = {}
        found = acts.get(name)
        if found is None:
            found = acts[name] = self._act(kind, name)
        return Act(found)

    def _act(self, kind: type, name: str) -> Act:
        base = _definer(kind, name)
        module = base.__module__.partition(".")[0]
        if base is object or base in IGNORED or module in _APART or module in _FIXED or self._types.is_mine(base):
            return Act.NONE
        if module in _OF_FILES:
            return _with_files(module, name)
        return Act.LOOK if name in _LOOKS else Act.CHANGE

    def _function(self, function: Any, given: tuple[Any, ...]) -> Iterable[Access]:
        module, name = str(function.__module__), function.__name__
        root = module.partition(".")[0]
        wide = of_function(module, name)
        if wide is not None:
            return [wide]
        if root in _APART:
            return ()
        if module in _OF_FILES:
            reads = module in ("io", "_io") and _only_reads(name, given[1:])
            act = Act.LOOK_AT_FILES if reads else _with_files(module, name)
            folder = [(_READ, SETTINGS["folder"], "[]")] if given and _is_relative(given[0]) else []
            return [*folder, _access(act, FILES)] if act else ()
        kind = _WRITE if name in _CHANGING or name in FILLING else _READ
        found = [access for thing in given for access in self._look(thing, kind)]
        if name in _OF_INSTANCES:
            found += [access for thing in given for access in self.fields(thing)]
        if function is print:
            found += [(_READ, SETTINGS["stdout"], "[]")] if _is_told(SETTINGS["stdout"]) else []
            found.append((_WRITE, sys.stdout, "[]"))
        return found

    def fields(self, thing: Any) -> list[Access]:
        """Looking at all attributes of an instance of the user's."""
        kind = type(thing)
        if self._types.sort(kind) is not _INSTANCE or not self._types.is_mine(kind):
            return []
        return [(_READ, thing, name) for name in list(own_attributes(thing))[:_FIELDS]]

    def _look(self, thing: Any, kind: Kind) -> list[Access]:
        sort = self._types.sort(type(thing))
        if sort is _CONTAINER or sort is _COLLECTION:
            return [(kind, container_of(thing), "[]")]
        if sort is _ITERATOR:
            return [(_WRITE, thing, "[]")]
        return [(kind, container_of(thing), "[]")] if sort is _INSTANCE and self.holds(type(thing)) else []

    def _inherits(self, kind: type, name: str) -> bool:
        base = _definer(kind, name)
        return base is not object and not self._types.is_mine(base)

    def _is_mine(self, function: Any) -> bool:
        return type(function) is types.FunctionType and function.__code__.co_filename in self._types.files


def _definer(kind: type, name: str) -> type:
    """The class that a method comes from; `object` for none."""
    return next((base for base in kind.__mro__ if name in base.__dict__), object)


def _with_files(module: str, name: str) -> Act:
    """What a function of this module, or a method of its objects, does to files."""
    if name not in _OF_FILES[module]:
        return Act.NONE
    if module == "sqlite3":
        return Act.CHANGE if name.startswith("fetch") else Act.CHANGE_DATA  # the rows are those of the statement
    return Act.LOOK_AT_FILES if name in _LOOKS else Act.CHANGE_FILES


def _only_reads(name: str, given: tuple[Any, ...]) -> bool:
    """Whether it opens a file and says nothing of writing, in the mode that may be among these arguments."""
    modes = [set(one) for one in given if type(one) is str and _MODES.issuperset(one)]
    return name == "open" and not any(mode & _WRITING for mode in modes)


def _is_told(thing: object) -> bool:
    """Whether something has touched it in this execution: of `sys.stdout`, whether it was redirected."""
    execution = STAGE.execution
    return execution is not None and id(thing) in execution.places.numbers


def _is_relative(path: Any) -> bool:
    """Whether it is the name of a file, from the working directory on."""
    return type(path) is str and not os.path.isabs(path)


def _access(act: Act, thing: object) -> Access:
    kind = _READ if act in (Act.LOOK, Act.LOOK_AT_FILES, Act.LOOK_AT_DATA) else _WRITE
    outside = DATABASE if act >= Act.LOOK_AT_DATA else FILES
    return kind, (outside if act >= Act.LOOK_AT_FILES else container_of(thing)), "[]"


_MODES: Final = frozenset("rwxabt+")
_WRITING: Final = frozenset("wxa+")
_WHOLE: Final = (str, bytes, tuple, frozenset)
CONSUMING: Final = frozenset(
    """update extend extendleft union intersection difference symmetric_difference difference_update issubset
    issuperset intersection_update symmetric_difference_update isdisjoint subtract join format format_map writelines
    writerow writerows executemany fromkeys from_iterable unpack unpack_from iter_unpack frombytes fromlist
    from_bytes""".split()
)
"""Methods that look at all of what they are given."""
FILLING: Final = frozenset("pack_into readinto readinto1 recv_into recvfrom_into".split())
"""Methods and functions that put bytes into what they are given."""
_CHANGING: Final = frozenset(
    """heappush heappop heapify heapreplace heappushpop insort insort_left insort_right shuffle setitem delitem iadd
    iconcat ior iand isub next exec""".split()
)
"""Functions that change what they are given."""
_OF_INSTANCES: Final = frozenset("copy deepcopy asdict astuple replace dumps dump vars print pprint".split())
"""Functions that look at all attributes."""
_LOOKS: Final = frozenset(
    """get keys values items copy count index most_common elements total peek tolist tobytes hex cast __contains__
    __len__ __getitem__ __iter__ __bool__ __eq__ exists getcwd isfile isdir is_file is_dir lexists islink
    getsize getmtime stat lstat listdir scandir walk access iterdir glob rglob read_text read_bytes read
    readline readlines getvalue tell digest hexdigest""".split()
)
"""Methods and functions that change nothing."""
_OF_FILES: Final = {
    module: frozenset(names.split())
    for module, names in {
        "io": "open read readline readlines write writelines close flush seek truncate readinto getvalue",
        "_io": "open read readline readlines write writelines close flush seek truncate readinto getvalue",
        "posix": """mkdir remove unlink rename replace rmdir listdir scandir stat lstat chdir getcwd open truncate
        ftruncate link symlink utime chmod access""",
        "nt": "mkdir remove unlink rename replace rmdir listdir scandir stat lstat chdir open truncate link access",
        "os": "makedirs removedirs renames walk",
        "genericpath": "exists isfile isdir getsize getmtime samefile lexists islink",
        "posixpath": "exists isfile isdir lexists islink realpath",
        "ntpath": "exists isfile isdir lexists islink realpath",
        "pathlib": """exists is_file is_dir stat lstat mkdir touch unlink rename replace rmdir read_text write_text
        read_bytes write_bytes open iterdir glob rglob symlink_to hardlink_to""",
        "shutil": "copy copy2 copyfile copytree rmtree move disk_usage",
        "tempfile": "mkdtemp mkstemp NamedTemporaryFile TemporaryDirectory",
        "sqlite3": "execute executemany executescript commit rollback fetchone fetchall fetchmany",
    }.items()
}
METHODS_OF_FILES: Final = _OF_FILES["io"]
_APART: Final = frozenset(
    """threading _thread asyncio concurrent contextlib contextvars functools queue _queue typing types abc
    unittest pytest _pytest plait logging multiprocessing warnings inspect sys gc time signal enum argparse importlib
    atexit select selectors socket subprocess traceback""".split()
)
"""Modules whose functions and methods have events of their own, or touch nothing that is the user's."""
_FIXED: Final = frozenset(
    """datetime _datetime _pydatetime decimal _decimal fractions re _sre uuid ipaddress string math struct
    _struct""".split()
)
"""Modules whose objects do not change."""
_OBEYED: Final = {"decimal.Context": "prec", "_decimal.Context": "prec"}
"""The attribute that all methods of these go by, and that anybody may set; one only, for a call is one step."""
