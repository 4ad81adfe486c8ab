"""Says of a server of `socketserver` or `http.server` that it waits for its own end."""

from __future__ import annotations

from plait._check.explain.deadlock import side_of, waits_at
from plait._check.findings import Finding, Moment
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._check.record import Blocked, Failure

_STOPS, _SERVES = "BaseServer.shutdown", "BaseServer.serve_forever"


def explain_server(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for who waits in `shutdown()` of a server, within its `serve_forever()`; None if nobody does."""
    stops = next((one for one in failure.blocked if _is_in(one, _STOPS) and _is_in(one, _SERVES)), None)
    if stops is None:
        return None
    words, site = Words(history, sources), waits_at(stops)
    name, here = words.thread(stops.thread), words.line(site)
    return Finding(
        "nobody sets it",
        "A server waits for its own end",
        f"{name} calls `shutdown()` in {here}, which waits until `serve_forever()` has returned. But it is within "
        "that: a request is handled by the thread that serves.",
        "Call it in another thread, which may wait: `threading.Thread(target=server.shutdown).start()`.",
        (side_of(stops, words, "waits for the end of the server"),),
        (Moment(stops.thread, site, "waits for the end of serve_forever(), in the middle of it"),),
        gil=True,
        reason="",
    )


def _is_in(blocked: Blocked, function: str) -> bool:
    return any(frame.function == function for frame in blocked.stack)
