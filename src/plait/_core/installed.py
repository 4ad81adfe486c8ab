"""Tells code that comes with Python or an installed package from code that its user is working on."""

from __future__ import annotations

import functools
import sys
import sysconfig
import threading
from typing import Any

_OURS = "plait"
_ONE_BY_ONE = threading.Lock()  # before 3.12 sysconfig has half of its variables while another thread asks first


def is_installed(code: Any) -> bool:
    """Whether a function, class or module comes with Python, an installed package or plait itself.

    >>> import json
    >>> mine = type("Mine", (), {"__module__": "__main__"})
    >>> is_installed(json.dumps), is_installed(int), is_installed(mine)
    (True, True, False)
    """
    inner = getattr(code, "__code__", None)  # of the class of all functions it is a descriptor
    if getattr(inner, "co_filename", "").startswith(_homes()):
        return True
    name = str(getattr(code, "__module__", None) or getattr(code, "__name__", ""))
    top = name.partition(".")[0]
    if top == "__main__":
        return False
    file = getattr(sys.modules.get(name), "__file__", None)
    return top == _OURS or top in sys.stdlib_module_names or (file is not None and file.startswith(_homes()))


@functools.cache
def _homes() -> tuple[str, ...]:
    with _ONE_BY_ONE:
        paths = sysconfig.get_paths()
        own = sysconfig.get_path("purelib", sysconfig.get_preferred_scheme("user"))  # of `pip install --user`
    return (paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"], own, "<frozen")
