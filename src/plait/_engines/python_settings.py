"""What a program has set in Python itself, such as the recursion limit, and which a worker takes over.

Whatever it has set in other modules, such as the options of pandas, is its own to set where it is needed.
"""

from __future__ import annotations

import sys
from _pickle import loads

from plait._core.importable import imported

TYPE_CHECKING = False
if TYPE_CHECKING:  # every worker imports this module, and typing would double its start-up time
    from _collections_abc import Callable
    from typing import Any

_START_FLAGS = {"-S": "no_site", "-s": "no_user_site", "-P": "safe_path"}  # those that `boot_command` may add
_LEAST_DEPTH = 1000  # Python's own limit; below it our code here might not run
ARITHMETIC = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps")


def of_the_program() -> dict[str, object]:
    """What does not change, or not any more: where Python is installed, what it was started with."""
    return {
        "prefix": (sys.prefix, sys.exec_prefix),
        "flags": {flag for flag, name in _START_FLAGS.items() if getattr(sys.flags, name)},
    }


def of_this_moment() -> dict[str, object]:
    """What the program may change while it runs."""
    socket = imported("socket")
    return {
        "recursion": sys.getrecursionlimit(),
        "digits": sys.get_int_max_str_digits(),
        "socket timeout": None if socket is None else socket.getdefaulttimeout(),
    }


def take_over(setting: dict[str, Any], once_imported: Callable[[str, Callable[[], None]], None]) -> None:
    """Make Python in this worker behave as in the program."""
    if "prefix" in setting:
        sys.prefix, sys.exec_prefix = setting["prefix"]
        added = {flag for flag, name in _START_FLAGS.items() if getattr(sys.flags, name)} - setting["flags"]
        if "-S" in added:
            _make_builtins()
        if added:
            once_imported("subprocess", lambda: _start_others_without(added))
    if "recursion" in setting:
        sys.setrecursionlimit(max(setting["recursion"], _LEAST_DEPTH))
        sys.set_int_max_str_digits(setting["digits"])
        timeout = setting["socket timeout"]
        once_imported("socket", lambda: sys.modules["socket"].setdefaulttimeout(timeout))
    if setting.get("arithmetic"):
        once_imported("decimal", lambda: _compute_as(setting["arithmetic"]))


def _make_builtins() -> None:
    """What the ``site`` module adds to the builtins, and scripts call."""
    import _sitebuiltins
    import builtins

    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    builtins.help = _sitebuiltins._Helper()


def _start_others_without(added: set[str]) -> None:
    """Interpreters that multiprocessing, joblib and others start from here get the program's options, not ours."""
    subprocess: Any = sys.modules["subprocess"]
    options = subprocess._args_from_interpreter_flags
    subprocess._args_from_interpreter_flags = lambda: [each for each in options() if each not in added]


def _compute_as(pickled: bytes) -> None:
    """In this context, and in those of threads and items to come."""
    decimal: Any = sys.modules["decimal"]
    context = loads(pickled)
    for name in ARITHMETIC:
        setattr(decimal.DefaultContext, name, getattr(context, name))
    decimal.setcontext(context)
