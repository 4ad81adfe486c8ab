"""Says of threads and tasks that wait for an event loop why it does nothing: not woken, held up, or run by nobody."""

from __future__ import annotations

import ast

from plait._check.explain.deadlock import side_of, waits_at, what
from plait._check.explain.remark import explain_remark
from plait._check.findings import Finding, Moment
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.waits import waiting
from plait._check.reading.words import Words
from plait._check.record import Blocked, Failure
from plait._check.remarks import FOREIGN
from plait._core.event import Kind

_HANDS_OVER = "run_coroutine_threadsafe"


def explain_loop(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for a hang at whose root is an event loop that does not go on; None if none is."""
    found = _not_woken(history, failure, sources)
    asks = next((one for one in failure.blocked if _asks_a_loop(one, history, sources)), None)
    if found is not None or asks is None:
        return found
    tasks = [one for one in failure.blocked if history.is_task(one.thread)]
    holds = next((one for one in tasks if one.pending.kind != Kind.WAIT), None)
    if holds is not None:
        return _held_up(history, holds, asks, sources)
    runs = bool(tasks) or any(waiting(one).kind == "loop" for one in failure.blocked)
    return None if runs or failure.cause is not None else _not_running(history, asks, sources)


def _not_woken(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """A loop that another thread has given something to do without waking it: its tasks wait, or it does not stop."""
    remark = next((one for one in history.record.remarks if one.kind == FOREIGN), None)
    if remark is None:
        return None
    stops = remark.what.endswith(".stop()")
    waits = [one for one in failure.blocked if _is_of_loop(one, stops=stops)]
    if not waits:
        return None
    finding = explain_remark(history, remark, sources)
    rows = [Moment(one.thread, waits_at(one), "waits, and is not woken") for one in waits[:2]]
    return finding._replace(moments=(*finding.moments, *rows))


def _is_of_loop(blocked: Blocked, *, stops: bool) -> bool:
    """Whether it is a task that waits, or, where a loop was to be stopped, that one."""
    is_loop = waiting(blocked).kind == "loop"
    return is_loop if stops else blocked.pending.kind == Kind.WAIT and not is_loop


def _asks_a_loop(blocked: Blocked, history: History, sources: Sources) -> bool:
    """Whether it waits for the result of a coroutine that its function, or the module, hands to a loop."""
    site = waits_at(blocked)
    if waiting(blocked).kind != "future" or site is None or history.is_task(blocked.thread):
        return False
    around = sources.function(site) or sources.module(site)
    return any(_HANDS_OVER in (getattr(node, "attr", ""), getattr(node, "id", "")) for node in ast.walk(around))


def _held_up(history: History, holds: Blocked, asks: Blocked, sources: Sources) -> Finding:
    words, sites = Words(history, sources), (waits_at(holds), waits_at(asks))
    task, thread = words.thread(holds.thread), words.thread(asks.thread)
    here, there = words.line(sites[0]), words.line(sites[1], sites[0])
    awaited = what(holds, words)
    return Finding(
        "deadlock",
        f"The event loop waits for who waits for it: {thread}",
        f"{task} waits for {awaited} in {here} without `await`, and with it the thread of the event loop. {thread} "
        f"waits in {there} for a coroutine that it has handed to that loop, which cannot run it.",
        "Let the loop go on meanwhile: `await asyncio.to_thread(function, ...)` in place of the thread and of "
        f"{here}. Where nothing else is needed of the thread, await the coroutine itself.",
        (side_of(holds, words, f"waits for {awaited}"), side_of(asks, words, "waits for the event loop")),
        (
            Moment(asks.thread, sites[1], "waits for a coroutine that the event loop is to run"),
            Moment(holds.thread, sites[0], f"waits for {what(holds, words, '')}, and the loop with it"),
        ),
        gil=True,
        reason="",
    )


def _not_running(history: History, asks: Blocked, sources: Sources) -> Finding:
    words, site = Words(history, sources), waits_at(asks)
    here = words.line(site)
    return Finding(
        "nobody sets it",
        "Its event loop does not run",
        f"{words.thread(asks.thread)} waits in {here} for a coroutine that was handed to an event loop. But no thread "
        "runs that loop: none is in its `run_forever()`, or in `asyncio.run()`.",
        "Run the loop in a thread before it is given anything: `threading.Thread(target=loop.run_forever, "
        "daemon=True).start()`. Where nothing has to go on meanwhile, `asyncio.run(coroutine)` is all that it takes.",
        (side_of(asks, words, "waits for an event loop that does not run"),),
        (Moment(asks.thread, site, "waits for an event loop that does not run, for ever"),),
        gil=True,
        reason="",
    )
