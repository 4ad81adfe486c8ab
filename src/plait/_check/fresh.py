"""The user's modules, imported anew and observed for each execution."""

from __future__ import annotations

import ast
import builtins
import copy
import importlib
import linecache
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any
from zipimport import zipimporter

from plait._check.rewrite.module import Part, rewrite_parts
from plait._check.stage import STAGE
from plait._check.stand_in.tk import INTERPRETERS
from plait._core.errors import UsageError
from plait._core.event import Site
from plait._core.importable import is_unfinished

_SITE_FIELDS = len(Site._fields)
_ADVICE = {"AssertionRewritingHook": ": leave pytest to check, by `plait check -m pytest` and the file"}
_UNFINISHED = (
    "check is called while {} is imported, which it has to import anew for each execution, and cannot before that has "
    "ended; call it in a function, or in the program's own file"
)
_FINALIZERS = ("__del__", "weakref")  # who writes one of these has something run when garbage goes
_IMPORT = builtins.__import__
_IMPORT_MODULE = importlib.import_module
_STAYS = {*sys.stdlib_module_names, __name__.partition(".")[0]}  # packages that check itself runs on


Rewrite = Callable[[str, str], CodeType]
"""What turns the source of a module, and the name of its file, into code with hooks."""


class FreshModules:
    """Imports what is the user's as code with hooks, and forgets it after each execution.

    Where only a part of an installed package is observed, the rest of it is imported anew, too, without hooks: it may
    keep what it has imported of that part.

    Attributes:
        files: the files that have been rewritten.
        plain: the user's files that could not be, and why.
        finalizes: the files that have finalizers.
        texts: what stands in files that cannot be read as such, because they are in an archive or do not exist.
        renewed: the modules that are not observed and imported anew all the same.
    """

    def __init__(self, mine: Callable[[str], bool], rewrite: Rewrite) -> None:
        self.files: set[str] = set()
        self.plain: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.finalizes: set[str] = set()
        self.renewed: set[str] = set()
        self._mine = mine
        self._rewrite = rewrite
        self._codes: dict[str, CodeType] = {}
        self._found: dict[str, tuple[str, list[str] | None]] = {}
        self._scripts: set[str] = set()
        self._before: dict[str, ModuleType] = {}
        self._known: set[str] = set()
        self._at_first: set[str] = set()
        self._packages: set[str] = set()  # of which a part is observed

    def __enter__(self) -> FreshModules:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and self._mine(file) and not is_main(name):
                if is_unfinished(module):
                    raise UsageError(_UNFINISHED.format(name))
                self._before[name] = module
        self._before.update((name, sys.modules[name]) for name in self._companions())
        for name in self._before:
            del sys.modules[name]
        self._known = self._at_first = set(sys.modules)
        sys.meta_path.insert(0, self)
        builtins.__import__ = quiet_import
        INTERPRETERS.watch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        INTERPRETERS.leave()
        builtins.__import__ = _IMPORT
        sys.meta_path.remove(self)
        self.forget()
        sys.modules.update(self._before)

    def forget(self) -> None:
        """The next execution imports them again; what others have loaded of the user's was not observed."""
        for name in self._companions():
            module = sys.modules.pop(name)
            if name not in self.renewed:
                self.renewed.add(name)
                if name in self._at_first:
                    self._before[name] = module
        for name in (*self._found, *self._scripts):
            sys.modules.pop(name, None)
        if len(sys.modules) == len(self._known):
            return
        for name in [name for name in sys.modules if name not in self._known]:
            file = getattr(sys.modules[name], "__file__", None)
            if isinstance(file, str) and self._mine(file) and not is_main(name):
                loader = type(getattr(sys.modules.pop(name), "__loader__", None)).__name__
                if file.endswith(".py"):
                    self.plain.setdefault(file, f"loaded by {loader}, not by check{_ADVICE.get(loader, '')}")
        self._known = set(sys.modules)

    def _companions(self) -> list[str]:
        """The modules, loaded and with source, of packages of which only a part is observed: those that are not."""
        for name in (*self._before, *self._found):
            package = name.partition(".")[0]
            file = getattr(sys.modules.get(package), "__file__", None)
            if package not in _STAYS and isinstance(file, str) and not self._mine(file):
                self._packages.add(package)
        if not self._packages:
            return []
        return [
            name
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] in self._packages
            and name not in self._found
            and isinstance(getattr(module, "__loader__", None), SourceFileLoader)
        ]

    def run(self, file: str, name: str, spec: ModuleSpec | None = None) -> ModuleType:
        """A script, run with hooks as a module of this name, as far as it had come when it called `check`."""
        module = ModuleType(name)
        module.__file__ = file
        if spec is not None:  # it was started with `python -m`, and imports relatively
            module.__spec__, module.__package__ = spec, spec.parent
        self._scripts.add(name)
        sys.modules[name] = module
        with STAGE.calls.anew():
            exec(self.code(file), module.__dict__)
        return module

    def code(self, file: str) -> CodeType:
        """The code of a file, with hooks."""
        found = self._codes.get(file)
        if found is None:
            text = self.texts.get(file)
            source = Path(file).read_bytes() if text is None else text.encode(errors="surrogatepass")
            found = self._codes[file] = self._compiled(source, file)
        if STAGE.execution is not None:
            STAGE.execution.places.loaded(finalizes=file in self.finalizes)
        return found

    def give(self, file: str, text: str) -> None:
        """What stands in a file that cannot be read as such; who shows its lines finds them in `linecache`."""
        self.texts[file] = text
        if not os.path.isfile(file):
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)

    def codes(self, parts: Sequence[Part], flags: int = 0) -> list[CodeType]:
        """The codes of a module whose source is in several places, with hooks; `flags` are those of `compile`."""
        try:
            codes = rewrite_parts(copy.deepcopy(parts), flags)
        except SyntaxError:
            raise  # the user's own
        except Exception as error:
            self.plain.update((part.file, f"{type(error).__name__}: {error}") for part in parts)
            trees = (ast.Module(part.body, []) for part in parts)
            return [compile(tree, part.file, "exec", flags) for tree, part in zip(trees, parts, strict=True)]
        self.files.update(part.file for part in parts)
        return list(map(with_sites, codes))

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As a finder on `sys.meta_path`: what is the user's, and what is imported anew with that, is found here."""
        found = self._found.get(name)
        if found is None:
            spec = PathFinder.find_spec(name, path, target)
            origin = None if spec is None else spec.origin
            if spec is None or origin is None:
                return None
            has_source = isinstance(spec.loader, SourceFileLoader)
            if not self._mine(origin):
                if not has_source or name.partition(".")[0] not in self._packages:
                    return None
                spec.loader = _Anew(name, origin)
                return spec
            if isinstance(spec.loader, zipimporter) and (text := spec.loader.get_source(name)) is not None:
                self.give(origin, text)
            elif not has_source:
                return None
            found = self._found[name] = (origin, spec.submodule_search_locations)
        file, inside = found
        loader: _ZipLoader | _Loader = (_ZipLoader if file in self.texts else _Loader)(name, file, self)
        return spec_from_file_location(name, file, loader=loader, submodule_search_locations=inside)

    def _compiled(self, source: bytes, file: str) -> CodeType:
        from importlib.util import decode_source

        text = decode_source(source)
        if any(word in text for word in _FINALIZERS):
            self.finalizes.add(file)
        try:
            code = self._rewrite(text, file)
        except SyntaxError:
            raise  # the user's own
        except Exception as error:
            self.plain[file] = f"{type(error).__name__}: {error}"
            return compile(source, file, "exec", dont_inherit=True, optimize=0)
        self.files.add(file)
        return with_sites(code)


def is_main(name: str) -> bool:
    """Whether it is the script that called us, which stays; `multiprocessing` gives it a second name."""
    return name == "__main__" or (name in sys.modules and sys.modules[name] is sys.modules.get("__main__"))


class _Anew(SourceFileLoader):
    """Loads a module once more: where it is a package, its modules that stay, as those in C, are in it at once."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        within = spec.name + "."
        stay = {name[len(within) :]: module for name, module in sys.modules.items() if name.startswith(within)}
        module = ModuleType(spec.name)
        vars(module).update((name, other) for name, other in stay.items() if "." not in name)
        return module


class _Loader(_Anew):
    """Runs a module's code with hooks, whose steps are events, whatever is imported around it."""

    def __init__(self, name: str, file: str, fresh: FreshModules) -> None:
        super().__init__(name, file)
        self._fresh = fresh

    def get_code(self, fullname: str) -> CodeType:
        return self._fresh.code(self.path)

    def exec_module(self, module: ModuleType) -> None:
        with _observed():
            super().exec_module(module)


class _ZipLoader(zipimporter):
    """The same for a module of an archive."""

    def __init__(self, name: str, file: str, fresh: FreshModules) -> None:
        folder = os.path.dirname(file)
        super().__init__(os.path.dirname(folder) if os.path.basename(file) == "__init__.py" else folder)
        self._file = file
        self._fresh = fresh

    def get_code(self, fullname: str) -> CodeType:
        return self._fresh.code(self._file)

    def exec_module(self, module: ModuleType) -> None:
        with _observed():
            super().exec_module(module)


@contextmanager
def _observed() -> Iterator[None]:
    """What is run in this block counts, although it is run by an import."""
    execution = STAGE.execution
    me = None if execution is None else execution.here()
    if me is None:
        yield
        return
    quiet, me.quiet = me.quiet, 0
    try:
        yield
    finally:
        me.quiet = quiet


def quiet_import(
    name: str,
    globals: Any = None,  # noqa: A002  # the builtin's own names
    locals: Any = None,  # noqa: A002  # the builtin's own names
    fromlist: Any = (),
    level: int = 0,
) -> ModuleType:
    """As `__import__`; what the machinery and the modules of others do meanwhile is no business of the scheduler."""
    if not fromlist and not level and name in sys.modules:
        return _IMPORT(name, globals, locals, fromlist, level)
    with _quietly():
        return _IMPORT(name, globals, locals, fromlist, level)


def quiet_import_module(name: str, package: str | None = None) -> ModuleType:
    """As `importlib.import_module`, which does not ask `__import__`; as quiet as that."""
    if name in sys.modules:
        return _IMPORT_MODULE(name, package)
    with _quietly():
        return _IMPORT_MODULE(name, package)


@contextmanager
def _quietly() -> Iterator[None]:
    """What is done in this block imports something, for a thread that may be under control."""
    execution = STAGE.execution
    me = None if execution is None or execution.aborting else execution.here()
    if me is None:
        yield
        return
    me.quiet += 1
    try:
        yield
    finally:
        me.quiet -= 1
        INTERPRETERS.watch()
        STAGE.imported()


def with_sites(code: CodeType) -> CodeType:
    """The same code, its sites being `Site`s and not plain tuples, which is all that a code cache can keep."""
    constants = tuple(_constant(constant, code.co_filename) for constant in code.co_consts)
    return code.replace(co_consts=constants)


def _constant(constant: object, file: str) -> object:
    if isinstance(constant, CodeType):
        return with_sites(constant)
    if type(constant) is tuple and len(constant) == _SITE_FIELDS and constant[0] == file and type(constant[1]) is int:
        return Site(*constant)
    return constant
