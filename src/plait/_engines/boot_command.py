"""The command line of another interpreter in which code means what it means here, and which starts quickly."""

from __future__ import annotations

import os
import sys

from plait._core.errors import PlaitError
from plait._core.frozen import STARTING, is_frozen
from plait._core.search_path import search_path

_BOOT = "import sys; sys.path[:] = {path}; from {module} import main; main({arguments})"
_LONGEST_WORD = 100_000  # characters; Linux takes 128 KiB in one word of a command, and 2 MiB in all of them
_UTF8_BY_DEFAULT = sys.version_info >= (3, 15)  # PEP 686
_STANDARD_FINDERS = ("_frozen_importlib", "_distutils_hack", "six", "importlib", "_pytest", "plait")


def command(module: str, *arguments: int) -> list[str]:
    """What to execute so that ``main`` of a module is called with these arguments.

    Raises:
        PlaitError: nobody knows where the interpreter is, or there is none.
    """
    if not sys.executable:
        raise PlaitError(
            "worker processes need a Python interpreter, and sys.executable is empty, as in a program that embeds "
            'Python; set sys.executable to a python of this version, or use engine="thread"'
        )
    if STARTING in os.environ:
        raise PlaitError(
            f"this process was started to be a worker, and its executable, {sys.executable!r}, ran the program once "
            "more: sys.executable has to be a Python interpreter; set it to one of this version"
        )
    if is_frozen():
        return _of_frozen_program(module, *arguments)
    folders = search_path()
    path, words = ascii(folders), []
    if len(path) > _LONGEST_WORD:
        path, words = "sys.argv[1:]", folders
    boot = _BOOT.format(path=path, module=module, arguments=", ".join(map(str, arguments)))
    return [sys.executable, *_flags(), "-c", boot, *words]


def _of_frozen_program(module: str, *arguments: int) -> list[str]:
    worker = sys.modules.get("plait._engines.frozen_worker")
    if worker is None:
        raise PlaitError(
            f"worker processes need a Python interpreter, and sys.executable is {sys.executable!r}, this program "
            "itself; set sys.executable to a python of this version; or freeze the program with PyInstaller in an "
            'environment where plait is installed by pip, whose hooks let it be a worker; or use engine="thread"'
        )
    found: list[str] = worker.command(module, *arguments)
    return found


def _flags() -> list[str]:
    """The interpreter options that change what code means, and those that keep the start quick."""
    flags = ["-s", "-P"]
    if sys.flags.ignore_environment:  # -E, -I: neither does a worker heed PYTHONHOME, PYTHONHASHSEED and the like
        flags.append("-E")
    if not _needs_site():
        flags.append("-S")
    if sys.flags.optimize:
        flags.append("-" + "O" * sys.flags.optimize)
    if sys.flags.dont_write_bytecode:
        flags.append("-B")
    if sys.flags.utf8_mode != _UTF8_BY_DEFAULT and (sys.flags.ignore_environment or not os.environ.get("PYTHONUTF8")):
        flags += ["-X", f"utf8={sys.flags.utf8_mode}"]
    for name, value in sys._xoptions.items():
        if name not in ("frozen_modules", "importtime"):
            flags += ["-X", name if value is True else f"{name}={value}"]
    for option in sys.warnoptions:
        flags += ["-W", option]
    return flags


def _needs_site() -> bool:
    """Whether some import hook, such as an editable install's, would be missing without the site module."""
    for finder in sys.meta_path:
        module = getattr(finder, "__module__", "") or type(finder).__module__
        if not module.startswith(_STANDARD_FINDERS):
            return True
    return False
