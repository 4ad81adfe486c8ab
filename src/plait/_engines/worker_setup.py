"""What a worker takes over from its driver: Python's settings, path, folder, main module, printing, logs, warnings."""

from __future__ import annotations

import io
import os
import sys
from _pickle import dumps

from plait._core.once_imported import once_imported
from plait._engines import python_settings, wire
from plait._engines.worker_main import WorkerMain

TYPE_CHECKING = False
if TYPE_CHECKING:  # every worker imports this module, and typing would double its start-up time
    from _collections_abc import Callable
    from typing import Any

    Send = Callable[..., None]


def apply(setting: dict[str, Any], send: Send, name: str) -> None:
    """Make this process look like the driver where user code can tell, and be called by the name of its worker."""
    if "path" in setting:
        sys.path[:] = setting["path"]
    if setting.get("folder"):
        try:
            os.chdir(setting["folder"])
        except OSError:  # the folder is gone or not ours to enter; relative paths then fail with their own error
            pass
    if "main" in setting:
        _fresh_main(setting["main"], setting["argv"])
    python_settings.take_over(setting, once_imported)
    if "forward" in setting:
        _prints(setting["forward"], send)
    if "levels" in setting:
        once_imported("logging", lambda: _forward_logs(setting["levels"], setting["captured"], send, name))
    if "filters" in setting:
        for module in {"warnings"}.union(category for _, _, (category, _), _, _ in setting["filters"]):
            once_imported(module, lambda: _treat_warnings(setting["filters"], setting["captured"]))
    once_imported("multiprocessing.process", lambda: _introduce(name, setting.get("authkey")))


def _fresh_main(file: str | None, argv: list[str]) -> None:
    """``__main__`` is empty here: what functions need of it travels with them."""
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  for the life of the process
    sys.__stdin__ = sys.stdin  # type: ignore[misc]  # typeshed has it final; who puts it back gets the same
    module = WorkerMain("__main__")
    if file:
        module.__file__ = file
    sys.modules["__main__"] = module
    sys.argv = argv


def _prints(forward: tuple[bool, bool], send: Send) -> None:
    """Lines go out whole: in one write to the inherited descriptor, or through the driver when it prints elsewhere."""
    for number, name, through_driver in ((1, "stdout", forward[0]), (2, "stderr", forward[1])):
        stream = getattr(sys, name)
        if through_driver and not isinstance(stream, _ForwardedText):
            raw: Any = _Forwarder(send, number)  # without the name that typeshed asks for
            setattr(sys, name, _ForwardedText(raw, "utf-8", line_buffering=True))
        elif not through_driver and isinstance(stream, _ForwardedText):
            setattr(sys, name, getattr(sys, f"__{name}__"))
        elif not through_driver and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=False)  # also where PYTHONUNBUFFERED is set


class _ForwardedText(io.TextIOWrapper):
    """Stands for a stream that the driver has replaced."""


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


def _introduce(name: str, authkey: bytes | None) -> None:
    """To multiprocessing: whose managers, whose proxies may be arguments, answer only to who has the driver's key."""
    process = sys.modules["multiprocessing.process"].current_process()
    if authkey:
        process.authkey = authkey
    if name:
        process.name = name


def _treat_warnings(filters: list[tuple[Any, ...]], captured: bool) -> None:
    """Warnings are shown, logged, dropped and raised as in the driver, by filters whose classes are there already."""
    warnings = sys.modules.get("warnings")
    if warnings is None:
        return
    found: list[Any] = []
    for action, message, (module, name), where, line in filters:
        kind: Any = sys.modules.get(module)
        for part in name.split("."):
            kind = getattr(kind, part, None)
        if isinstance(kind, type) and issubclass(kind, Warning):
            found.append((action, _compiled(message), kind, _compiled(where), line))
    if found != warnings.filters:
        warnings.filters[:] = found
        with warnings.catch_warnings():  # which forgets what was decided by the filters before
            pass
    if captured and "logging" not in sys.modules:
        import logging  # noqa: F401  which captures them as soon as it is there


def _compiled(pattern: Any) -> Any:
    if not isinstance(pattern, tuple):
        return pattern
    import re  # which workers that need no patterns can do without

    return re.compile(*pattern)


def _forward_logs(levels: dict[str, int], captured: bool, send: Send, name: str) -> None:
    import logging

    class Forward(logging.Handler):
        """Sends each record to the driver, whose own handlers treat it."""

        def emit(self, record: logging.LogRecord) -> None:
            try:
                self._send_fields(record)
            except (
                Exception
            ):  # a message that does not fit its arguments: said as logging says it, and the item goes on
                self.handleError(record)

        def _send_fields(self, record: logging.LogRecord) -> None:
            fields = dict(record.__dict__)
            fields["msg"], fields["args"] = record.getMessage(), None
            if name and record.processName == "MainProcess":  # where multiprocessing, which knows better, is not there
                fields["processName"] = name
            if record.exc_info:
                fields["exc_text"] = fields["exc_text"] or logging.Formatter().formatException(record.exc_info)
                fields["exc_info"] = None
            send(wire.LOG, 0, dumps({k: v for k, v in fields.items() if _is_plain(v)}, 5))

    root = logging.getLogger()
    if not any(type(handler).__name__ == "Forward" for handler in root.handlers):
        root.handlers[:] = [Forward()]
    for known, logger in list(root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and known not in levels:
            logger.setLevel(logging.NOTSET)
    for known, level in levels.items():
        logging.getLogger(known or None).setLevel(level)
    logging.captureWarnings(captured)


def _is_plain(value: object, depth: int = 4) -> bool:
    """Whether any process can unpickle it."""
    if value is None or type(value) in (str, int, float, bool, bytes):
        return True
    if not depth:
        return False
    if type(value) is dict:
        return all(_is_plain(key, 1) and _is_plain(each, depth - 1) for key, each in value.items())
    if isinstance(value, (list, tuple, set, frozenset)) and type(value) in (list, tuple, set, frozenset):
        return all(_is_plain(each, depth - 1) for each in value)
    return False
