"""The finding of a server of `socketserver` or `http.server` that waits in `shutdown()` for its own end. Pure."""

from __future__ import annotations

from plait._see.why.dump import Dump, Thread
from plait._see.why.known import Diagnosis, Known, step

_STOPS = ("socketserver.py", "shutdown")
_SERVES = ("socketserver.py", "serve_forever")


def stops_itself(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Who waits until `serve_forever()` has returned is within it, or nobody is."""
    known = next((one for one in everybody if _is_in(one.thread, *_STOPS)), None)
    if known is None:
        return None
    within = _is_in(known.thread, *_SERVES)
    if not within and any(_is_in(one.thread, *_SERVES) for one in everybody):
        return None  # that one may take long
    if within:
        return Diagnosis(
            "A server waits for its own end",
            (step(known),),
            "shutdown() waits until serve_forever() has returned, and was called from within it, by the handler of a "
            "request: neither can go on.",
            "Call it in another thread, which may wait: threading.Thread(target=server.shutdown).start().",
            certain=True,
        )
    return Diagnosis(
        "shutdown() of a server that does not serve",
        (step(known),),
        "It waits until serve_forever() has come to its end, and no thread is within that.",
        "Call shutdown() while another thread is in serve_forever() only: start that thread first, and let it begin. "
        "To close a server that has not served, server_close() is enough.",
        certain=False,
    )


def _is_in(thread: Thread, file: str, name: str) -> bool:
    return any(frame.is_of(file, name) for frame in thread.frames)
