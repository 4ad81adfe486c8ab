"""What stands in for `sqlite3.connect`: a database that does not wait for the disk at each commit, 300 times as fast.

A power failure in the middle of an execution is not what is checked. A program that says itself how safe it wants to be
(``PRAGMA synchronous``) has its way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from plait._check.stage import STAGE

if TYPE_CHECKING:
    import sqlite3
    from types import ModuleType

_MODULES = ("_sqlite3", "sqlite3.dbapi2", "sqlite3")


def databases() -> Iterator[ModuleType]:
    """The modules that have a `connect`, once the program has imported them: most programs never do."""
    if all(name in sys.modules for name in _MODULES):
        yield from (sys.modules[name] for name in _MODULES)


def connecting(real: Callable[..., Any]) -> Callable[..., Any]:
    """As `sqlite3.connect`."""

    @wraps(real)
    def connect(*args: Any, **options: Any) -> Any:
        connection = real(*args, **options)
        if STAGE.execution is not None:
            _hurry(connection)
        return connection

    return connect


def _hurry(connection: sqlite3.Connection) -> None:
    module: Any = sys.modules["sqlite3"]
    if not isinstance(connection, module.Connection):  # the program's own factory may give anything
        return

    cursor = module.Connection.cursor(connection, module.Cursor)
    cursor.row_factory = None

    def ask(pragma: str) -> Any:
        return cursor.execute(f"PRAGMA {pragma}").fetchone()

    with suppress(module.Error):  # of a file that is none of SQLite, or that is locked: that is the program's affair
        (patience,) = ask("busy_timeout")
        ask("busy_timeout = 0")
        try:
            ask("synchronous = OFF")
        finally:
            ask(f"busy_timeout = {patience}")
