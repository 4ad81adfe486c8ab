"""Whether it matters where a function draws random numbers of the whole program: it does to a program that seeds them.

Nobody can tell from a generator whether it was seeded, so the source is asked: who never says ``seed`` gets numbers of
chance wherever they are drawn, since each worker has its own. A source that cannot be read may say it.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from types import ModuleType
from typing import Any

from plait._core.installed import is_installed

_OF_NUMPY = frozenset({"seed", "ranf", "sample", "set_bit_generator"})  # plain functions, the others are methods
_STATE = ("setstate", "set_state")
_SEEDS = re.compile(r"""[."'](?:seed|setstate|set_state)\b|\b(?:seed|setstate|set_state)\s*\(""")
_MOST = 200  # modules of the program that are read


def against_drawing(name: str, value: Any) -> str:
    """What speaks against moving a function that draws from a generator such as those of `random`, or seeds it."""
    owner = getattr(value, "__self__", None)
    if isinstance(owner, (type, ModuleType)) or type(owner).__name__ == "SystemRandom":
        return ""
    of_numpy = str(getattr(value, "__module__", "")).startswith("numpy.random") and owner is None
    if not (of_numpy and getattr(value, "__name__", "") in _OF_NUMPY) and not any(
        hasattr(owner, method) for method in _STATE
    ):
        return ""
    where = _where_it_is_seeded()
    if where is None:
        return ""
    return (
        f'"{name}" uses random numbers of the whole program, which {where}; '
        'pass engine="process" if others will do, or take them from plait.rng(seed)'
    )


def _where_it_is_seeded() -> str | None:
    """What may seed the generators of the program, in words; None if nothing does."""
    modules = list(sys.modules.items())
    own = [(name, one) for name, one in modules if isinstance(one, ModuleType) and not is_installed(one)]
    if len(own) > _MOST:
        return "one of many modules may seed"
    for name, module in own:
        text = _text_of(module, is_main=name == "__main__")
        if text is None:
            return f"{name} may seed"
        if _SEEDS.search(text):
            return f"{os.path.basename(getattr(module, '__file__', None) or name)} seeds"
    return None


def _text_of(module: ModuleType, *, is_main: bool) -> str | None:
    """The source; None if it has one that cannot be read."""
    cells = vars(module).get("In") if is_main else None
    if isinstance(cells, list):  # of a notebook, or of another program that is IPython's
        return "\n".join(map(str, cells))
    file = getattr(module, "__file__", None)
    if file is None:  # of a package without a file of its own nothing runs
        return None if is_main else ""
    return "".join(linecache.getlines(file)) or ("" if os.path.exists(file) and not os.path.getsize(file) else None)
