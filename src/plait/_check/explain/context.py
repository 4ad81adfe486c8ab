"""Says that a context variable has no value in a thread, since it was set in another one."""

from __future__ import annotations

from contextvars import ContextVar

from plait._check.findings import Finding, Moment, Side
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.touched import last_word
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words, frame_site, headline, innermost, numbered, own
from plait._check.record import Failure


def explain_context(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for the LookupError of a context variable that the program sets elsewhere; None for others."""
    error, site = failure.exception, frame_site(innermost(failure.stack))
    if (
        not isinstance(error, LookupError)
        or not error.args
        or not isinstance(error.args[0], ContextVar)
        or site is None
    ):
        return None
    name = receiver(sources.line(site.file, site.line), "get") or error.args[0].name
    files = dict.fromkeys(event.site.file for event in history.events if event.site is not None)
    lines = {file: sorted(sources.callers(file, last_word(name), "set")) for file in files}
    file = next((file for file, found in lines.items() if found), "")
    if not file or len(history.record.threads) < 2:
        return None
    words = Words(history, sources)
    where = words.line(site._replace(file=file, line=lines[file][0]), site)
    where = numbered(lines[file]) if file == site.file else where
    carried = any(frame.file.endswith("_base.py") for frame in failure.stack)
    who = "a worker of the pool" if carried else words.thread(failure.thread)
    return Finding(
        "fails under every schedule",
        f"No value in this thread: {name}",
        f"{who[0].upper()}{who[1:]} asks for the context variable `{name}` in {words.line(site)}, and it has no value "
        f"there. It is set in {where}, in the context of another thread: a thread begins with an empty one, and so "
        "does each worker of a pool.",
        "Hand the context over: `pool.submit(contextvars.copy_context().run, work, ...)`, or "
        "`Thread(target=contextvars.copy_context().run, args=(work, ...))`; a new copy for each. `asyncio.to_thread` "
        "and tasks do so by themselves. Or give the value as an argument. A default would only hide it.",
        (Side(failure.thread, who, headline(failure), site, own(failure.stack)),),
        (Moment(failure.thread, site, f"asks for {name}"),),
    )
