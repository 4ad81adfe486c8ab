"""The driver's end of what workers print and log, and what they are told about this process."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from _pickle import dumps, loads

from plait._core.importable import imported
from plait._core.search_path import search_path, working_folder
from plait._core.streams import flush
from plait._engines import python_settings, wire


def forward(operation: int, key: int, payload: memoryview) -> None:
    """Print or log, here, what a worker printed or logged there."""
    if operation == wire.OUTPUT:
        stream = sys.stdout if key == 1 else sys.stderr
        if stream is not None and not getattr(stream, "closed", False):  # a program without a console
            stream.write(bytes(payload).decode("utf-8", "replace"))
    elif operation == wire.LOG:
        record = logging.makeLogRecord(loads(payload))
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


def first_setting(name: str, memory_bytes: int | None, arithmetic: object) -> bytes:
    """The frame that tells a new worker all it needs to know about this process."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not getattr(stream, "closed", False):
            flush(stream)  # what was printed before the work comes out before what workers print
    setting: dict[str, object] = {
        **_surroundings(arithmetic),
        **python_settings.of_the_program(),
        "name": name,
        "memory_bytes": memory_bytes or 0,
        "main": getattr(sys.modules.get("__main__"), "__file__", None),
        "argv": list(getattr(sys, "argv", ())),  # a program that embeds Python may have none
    }
    return wire.pack(wire.SETTING, 0, dumps(setting, 5))


def next_setting(arithmetic: object) -> bytes:
    """The frame that brings a warm worker up to date."""
    return wire.pack(wire.SETTING, 0, dumps(_surroundings(arithmetic), 5))


def _surroundings(arithmetic: object) -> dict[str, object]:
    """What may have changed since a worker was started."""
    return {
        **python_settings.of_this_moment(),
        "arithmetic": None if arithmetic is None else dumps(arithmetic, 5),  # read where decimal is imported
        "path": search_path(),
        "folder": working_folder(),  # workers stay where they are when it has been deleted
        "forward": (_is_replaced(sys.stdout, sys.__stdout__, 1), _is_replaced(sys.stderr, sys.__stderr__, 2)),
        "levels": levels_of_loggers(),
        "authkey": _authkey(),
        "filters": filters_in_words(),
        "captured": getattr(logging, "_warnings_showwarning", None) is not None,  # logging.captureWarnings
    }


def _authkey() -> bytes:
    """The key to the managers of multiprocessing, which answer only to who knows it; empty when there can be none."""
    process = imported("multiprocessing.process")
    return b"" if process is None else bytes(process.current_process().authkey)


def _is_replaced(stream: object, original: object, number: int) -> bool:
    """Whether print() here ends up elsewhere than in the descriptor workers inherit: in notebooks, under capture.

    Or above a progress bar, which what is written to the descriptor would get into.
    """
    if stream is None:
        return original is not None  # what is printed to nothing here is so there
    if stream is original:
        return False
    if getattr(stream, "draws", False) is True:
        return True
    try:
        return stream.fileno() != number  # type: ignore[attr-defined, no-any-return]  # whatever stands for sys.stdout
    except (AttributeError, OSError, ValueError):
        return True


def levels_of_loggers() -> dict[str, int]:
    """The levels that were set on loggers, by name; the root logger's is ``""``."""
    levels = {"": logging.getLogger().level}
    for name, logger in list(logging.getLogger().manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and logger.level:
            levels[name] = logger.level
    return levels


def filters_in_words() -> list[tuple[object, ...]]:
    """The filters of warnings, in plain words: classes by their names, patterns as texts and flags."""
    return [
        (action, _pattern(message), (category.__module__, category.__qualname__), _pattern(module), line)
        for action, message, category, module, line in list(warnings.filters)
        if isinstance(category, type)
    ]


def _pattern(found: object) -> object:
    return (found.pattern, found.flags) if isinstance(found, re.Pattern) else found
