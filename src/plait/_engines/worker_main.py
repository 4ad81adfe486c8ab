"""The ``__main__`` of a worker, in which pickle finds functions and classes of the program's as it does at home.

It is empty at first. What travels by value is entered when it arrives, so that code in a worker may pickle it, by name,
for a file, a cache or processes of its own; and results name it, since the program has it. Nothing is ever entered in
the ``__main__`` of the program itself.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:  # every worker imports this module, and typing would double its start-up time
    from typing import Any


class WorkerMain(ModuleType):
    """What `enter` and `withdraw` change."""


def is_of_main(value: Any) -> bool:
    """Whether ``__main__`` has this function or class under its own name."""
    return value.__module__ == "__main__" and getattr(sys.modules.get("__main__"), value.__qualname__, None) is value


def enter(value: Any) -> bool:
    """Give the ``__main__`` of a worker what has arrived for it; whether that takes the place of something else."""
    return enter_as(value.__qualname__, value)


def enter_as(name: str, value: object) -> bool:
    """The same under a name that is given."""
    main = sys.modules.get("__main__")
    if not isinstance(main, WorkerMain):
        return False
    before = getattr(main, name, value)
    setattr(main, name, value)
    return before is not value


def withdraw(value: type) -> None:
    """The ``__main__`` at home has another class under this name by now."""
    main = sys.modules.get("__main__")
    if isinstance(main, WorkerMain) and getattr(main, value.__qualname__, None) is value:
        delattr(main, value.__qualname__)
