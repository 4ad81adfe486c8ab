"""Keeps a process from doing what another one could notice: it ends before it does.

CPython raises an audit event before whatever reaches out of the process. What is known to stay inside is listed here,
and all the rest counts as reaching out, events of other packages and of later Pythons too. Reading files stays inside:
whoever would write them counts.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any, Final

_posixsubprocess: Any = sys.modules.get("_posixsubprocess")  # whoever runs a program on POSIX has loaded it


def stay_apart(leave: Callable[[], object]) -> None:
    """From now on `leave` is called before this process does what others could notice; nothing takes that back."""

    def heard(event: str, args: tuple[Any, ...]) -> None:
        if event in _INSIDE:
            return
        reaches_out = _ASK.get(event)
        if reaches_out is None or reaches_out(*args):
            leave()

    def unheard(*_: object, **__: object) -> None:
        leave()

    for owner, names in _UNHEARD:
        for name in names.split():
            if hasattr(owner, name):
                setattr(owner, name, unheard)
    sys.addaudithook(heard)


_UNHEARD: Final[tuple[tuple[Any, str], ...]] = (
    (os, "mkfifo mknod"),
    (signal, "pidfd_send_signal"),
    (subprocess, "_fork_exec"),
    (_posixsubprocess, "fork_exec"),
)
"""What reaches out without an event."""


def _opens(path: object, mode: object, flags: object) -> bool:
    """Writing can be noticed, and so can reading what is gone when it has been read: pipes, terminals."""
    if isinstance(path, int):
        return False  # it has been opened before
    try:
        name = os.fsdecode(path)  # type: ignore[arg-type]  # it says so if it is no path
        if name in _SHARED_BY_ALL:
            return False
        if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & _WRITING):
            return True
        kind = os.stat(name).st_mode
    except (OSError, ValueError, TypeError):
        return False  # there is nothing that could be opened
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))


def _imports(name: str, file: str | None, *_: object) -> bool:
    """C code that is not the standard library's may do anything without an event, and so do some parts of that."""
    if name in _SILENT:
        return True
    if not file or not file.endswith(_COMPILED):
        return False
    return not file.startswith(_STANDARD) and name.partition(".")[0] not in _COMPUTING


def _maps(file: int, *_: object) -> bool:
    return file != -1


def _loads(library: object, *_: object) -> bool:
    return library is not None  # what this process has loaded already


_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SHARED_BY_ALL: Final = frozenset(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))
_COMPILED: Final = tuple(EXTENSION_SUFFIXES)
_STANDARD: Final = tuple(path + os.sep for path in sys.path if path.endswith("lib-dynload"))
_SILENT: Final = frozenset("_curses _dbm _gdbm _posixshmem _tkinter readline".split())
_COMPUTING: Final = frozenset(
    "charset_normalizer markupsafe msgpack numpy orjson pydantic_core regex rpds yaml".split()
)
"""Packages whose C code computes, and opens files by Python's own functions at most."""
_ASK: Final[dict[str, Callable[..., bool]]] = {
    "open": _opens,
    "import": _imports,
    "mmap.__new__": _maps,
    "ctypes.dlopen": _loads,
}
_INSIDE: Final = frozenset(
    """
    array.__new__ builtins.id builtins.input code.__new__ compile ctypes.addressof exec function.__new__
    gc.get_objects gc.get_referents gc.get_referrers glob.glob glob.glob/2
    marshal.dumps marshal.load marshal.loads
    object.__delattr__ object.__getattr__ object.__setattr__
    os.chdir os.fwalk os.getxattr os.listdir os.listxattr os.putenv os.scandir os.unsetenv os.walk
    pathlib.Path.glob pathlib.Path.rglob pickle.find_class
    socket.__new__ socket.gethostname
    sys._current_exceptions sys._current_frames sys._getframe sys._getframemodulename sys.excepthook
    sys.monitoring.register_callback sys.set_asyncgen_hook_finalizer sys.set_asyncgen_hook_firstiter
    sys.set_asyncgen_hooks_finalizer sys.set_asyncgen_hooks_firstiter sys.setprofile sys.settrace sys.unraisablehook
    _thread.start_joinable_thread _thread.start_new_thread time.sleep
    """.split()
)
