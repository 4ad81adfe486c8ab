"""What a frozen program does first: be the worker, or the zygote, that it was started to be.

The executable of such a program runs the program, whatever options it is given. So the run-time hook that PyInstaller
puts in front of it (`plait._pyinstaller`) calls `begin`. Only that hook imports this module: where it is imported,
workers can be started.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

_MARK = "--plait-worker"
_BEGINNINGS = ("plait._engines.zygote", "plait._engines.portable_worker")


def begin() -> None:
    """Return in the program itself; in a process of plait's, do its work, and end."""
    if sys.argv[1:2] != [_MARK]:
        return
    module, *arguments = sys.argv[2:]
    if module not in _BEGINNINGS:
        raise SystemExit(f"{_MARK} is how plait starts workers; {module!r} is none of {', '.join(_BEGINNINGS)}")
    import_module(module).main(*map(int, arguments))
    os._exit(0)


def command(module: str, *arguments: int) -> list[str]:
    """What to execute so that the `begin` of another process calls ``main`` of a module with these arguments."""
    return [sys.executable, _MARK, module, *map(str, arguments)]
