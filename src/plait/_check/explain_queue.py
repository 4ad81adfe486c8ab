"""Says why a queue was empty, or full, though a thread had just asked: a check and an act that are two steps."""

from __future__ import annotations

from plait._check.findings import Finding
from plait._check.hangs import Call, calls_on
from plait._check.history import History
from plait._check.record import Failure
from plait._check.source import Sources
from plait._check.waits import receiver
from plait._check.words import Words
from plait._core.event import Kind

_CHECKS = ("empty", "full", "qsize")
_ACTS = ("get", "get_nowait", "put", "put_nowait")


def explain_queue(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for a `queue.Empty` or `queue.Full` after a check by the same thread; None without such a check."""
    mine = [index for index in history.of.get(failure.thread, []) if history.events[index].kind == Kind.ACQUIRE]
    if not mine:
        return None
    calls = list(calls_on(history, history.events[mine[-1]].place, sources))
    own = [call for call in calls if call.thread == failure.thread]
    if len(own) < 2 or own[-2].method not in _CHECKS:
        return None
    check, act = own[-2], own[-1]
    between = [call for call in calls if check.at < call.at < act.at and call.thread != failure.thread]
    between = [call for call in between if call.method in _ACTS]
    return _finding(history, check, between[-1], act, sources) if between else None


def _finding(history: History, check: Call, other: Call, act: Call, sources: Sources) -> Finding:
    words = Words(history, sources)
    sites = [history.events[call.at].site for call in (check, other, act)]
    name, who = words.thread(check.thread), words.thread(other.thread)
    thing = receiver(sources.line(sites[0].file, sites[0].line), check.method) if sites[0] is not None else "the queue"
    error = "queue.Full" if act.method.startswith("put") else "queue.Empty"
    return Finding(
        "check then act",
        f"Checked, then changed by another thread: {thing}",
        f"{name} asks `{thing}.{check.method}()` in {words.line(sites[0])} and acts on the answer "
        f"in {words.line(sites[2], sites[0])}. In between {who} uses the queue in {words.line(sites[1], sites[0])}, "
        "so the answer does not hold any more.",
        f"Do not ask first: call `{thing}.{act.method}()` and catch {error}.",
        (words.side(check.at), words.side(other.at)),
        tuple(words.moment(call.at, f"calls {thing}.{call.method}()") for call in (check, other, act)),
        reason="it takes the queue's lock in between",
    )
