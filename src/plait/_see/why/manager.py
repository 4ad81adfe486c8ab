"""What the threads of a manager's process wait for, each of which serves the proxies of one process. Pure."""

from __future__ import annotations

from plait._see.why.dump import Thread
from plait._see.why.wait import Wait

_FILE, _CONNECTION = "multiprocessing/managers.py", "multiprocessing/connection.py"


def served(wait: Wait, thread: Thread) -> Wait:
    """`serves` for who waits for processes, `client` for the next request of one, `proxy` for what one has asked for.

    The thread is called as the process that it serves.
    """
    if wait.frame is not None or wait.kind in ("runs", "C code"):
        return wait
    if any(frame.is_of(_FILE, "accepter") for frame in thread.frames):
        return Wait("serves", "", None)
    at = next((at for at, frame in enumerate(thread.frames) if frame.is_of(_FILE, "serve_client")), None)
    if at is None:
        return wait
    if any(frame.is_of(_CONNECTION, "recv") for frame in thread.frames[:at]):
        return Wait("client", "", None)
    method = thread.frames[at].variables.get("methodname")
    return Wait("proxy", f"{method.text.strip(_QUOTES)}()" if method is not None else "a call", None)


_QUOTES = "\"'"
