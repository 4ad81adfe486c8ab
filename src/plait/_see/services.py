"""Threads that the standard library has for itself: they pass on what others ask for, and wait until they are."""

from __future__ import annotations

import threading
from types import CodeType

SERVICES = (  # the end of the file's path, and the function that the thread runs
    ("multiprocessing/pool.py", "_handle_workers"),
    ("multiprocessing/pool.py", "_handle_tasks"),
    ("multiprocessing/pool.py", "_handle_results"),
    ("multiprocessing/queues.py", "_feed"),
    ("concurrent/futures/process.py", "run"),
    ("multiprocessing/managers.py", "serve_forever"),
    ("multiprocessing/resource_tracker.py", "main"),
    ("multiprocessing/forkserver.py", "main"),
    ("loky/backend/resource_tracker.py", "main"),
)


def is_service(thread: threading.Thread) -> bool:
    """Whether a thread that has not begun is going to run one of these."""
    for function in (getattr(thread, "_target", None), type(thread).run):
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType) and any(
            code.co_name == name and code.co_filename.replace("\\", "/").endswith(file) for file, name in SERVICES
        ):
            return True
    return False
