"""The driver's end of what workers print and log, and what they are told about this process."""

from __future__ import annotations

import logging
import os
import sys
from _pickle import dumps, loads

from plait._engines import wire


def forward(operation: int, key: int, payload: memoryview) -> None:
    """Print or log, here, what a worker printed or logged there."""
    if operation == wire.OUTPUT:
        stream = sys.stdout if key == 1 else sys.stderr
        stream.write(bytes(payload).decode("utf-8", "replace"))
    elif operation == wire.LOG:
        record = logging.makeLogRecord(loads(payload))
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


def first_setting(name: str, memory_bytes: int | None) -> bytes:
    """The frame that tells a new worker all it needs to know about this process."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()  # what was printed before the work comes out before what workers print
    setting: dict[str, object] = {
        **_place(),
        "name": name,
        "memory_bytes": memory_bytes or 0,
        "main": getattr(sys.modules.get("__main__"), "__file__", None),
        "argv": list(sys.argv),
        "forward": not _prints_to_descriptor(),
        "levels": _levels(),
    }
    return wire.pack(wire.SETTING, 0, dumps(setting, 5))


def next_setting() -> bytes:
    """The frame that brings a warm worker up to date."""
    return wire.pack(wire.SETTING, 0, dumps(_place(), 5))


def _place() -> dict[str, object]:
    return {"path": [entry or os.getcwd() for entry in sys.path], "folder": os.getcwd()}


def _prints_to_descriptor() -> bool:
    """Whether print() here ends up in descriptor 1, which workers inherit; not so in notebooks and under capture."""
    if sys.stdout is sys.__stdout__:
        return True
    try:
        return sys.stdout.fileno() == 1
    except (AttributeError, OSError, ValueError):
        return False


def _levels() -> dict[str, int]:
    """The levels that were set on loggers, by name; the root logger's is ``""``."""
    levels = {"": logging.getLogger().level}
    for name, logger in list(logging.getLogger().manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and logger.level:
            levels[name] = logger.level
    return levels
