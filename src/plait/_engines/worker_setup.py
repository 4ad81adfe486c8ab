"""What a new worker takes over from its driver: search path, folder, main module, printing and logging."""

from __future__ import annotations

import io
import os
import sys
from _collections_abc import Callable
from _pickle import dumps
from types import ModuleType
from typing import Any

from plait._engines import wire

Send = Callable[..., None]


def apply(setting: dict[str, Any], send: Send) -> None:
    """Make this process look like the driver where user code can tell."""
    if "path" in setting:
        sys.path[:] = setting["path"]
    if "folder" in setting:
        try:
            os.chdir(setting["folder"])
        except OSError:  # the folder is gone or not ours to enter; relative paths then fail with their own error
            pass
    if "main" in setting:
        _fresh_main(setting["main"], setting["argv"])
    if "forward" in setting:
        _prints(setting["forward"], send)
    if "levels" in setting:
        sys.meta_path.insert(0, _LoggingHook(setting["levels"], send))
        if "logging" in sys.modules:
            _forward_logs(setting["levels"], send)


def _fresh_main(file: str | None, argv: list[str]) -> None:
    """``__main__`` is empty here: what functions need of it travels with them."""
    module = ModuleType("__main__")
    if file:
        module.__file__ = file
    sys.modules["__main__"] = module
    sys.argv = argv


def _prints(forward: bool, send: Send) -> None:
    """Lines go out whole: in one write to the inherited descriptor, or through the driver when it prints elsewhere."""
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  for the life of the process
    if forward:
        sys.stdout = io.TextIOWrapper(_Forwarder(send, 1), "utf-8", line_buffering=True)
        sys.stderr = io.TextIOWrapper(_Forwarder(send, 2), "utf-8", line_buffering=True)
        return
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


class _Forwarder(io.RawIOBase):
    """A binary stream whose writes become OUTPUT frames."""

    def __init__(self, send: Send, number: int) -> None:
        self._send = send
        self._number = number

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._send(wire.OUTPUT, self._number, bytes(data))
        return len(data)


class _LoggingHook:
    """Waits for the first import of logging, which most workers never do, and forwards records from then on."""

    def __init__(self, levels: dict[str, int], send: Send) -> None:
        self._levels = levels
        self._send = send

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "logging":
            sys.meta_path.remove(self)
            _forward_logs(self._levels, self._send)


def _forward_logs(levels: dict[str, int], send: Send) -> None:
    import logging

    class Forward(logging.Handler):
        """Sends each record to the driver, whose own handlers treat it."""

        def emit(self, record: logging.LogRecord) -> None:
            fields = dict(record.__dict__)
            fields["msg"], fields["args"] = record.getMessage(), None
            if record.exc_info:
                fields["exc_text"] = fields["exc_text"] or logging.Formatter().formatException(record.exc_info)
                fields["exc_info"] = None
            send(wire.LOG, 0, dumps({k: v for k, v in fields.items() if _is_plain(v)}, 5))

    root = logging.getLogger()
    root.handlers[:] = [Forward()]
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool, bytes))
