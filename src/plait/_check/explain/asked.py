"""Says why a queue was empty, or a future had its result, though a thread had just asked: a check and an act apart."""

from __future__ import annotations

import queue
from concurrent.futures import InvalidStateError
from typing import NamedTuple

from plait._check.findings import Finding
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.uses import Call, calls_on
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words
from plait._check.record import Failure
from plait._core.event import Kind


class _Kind(NamedTuple):
    """What can be asked before it is used: the methods that ask, those that act, and the errors of an act in vain.

    The errors are those of `module`, as people import them.
    """

    what: str
    module: str
    checks: tuple[str, ...]
    acts: tuple[str, ...]
    errors: tuple[type[Exception], ...]


_KINDS = (
    _Kind(
        "queue",
        "queue",
        ("empty", "full", "qsize"),
        ("get_nowait", "put_nowait", "get", "put"),
        (queue.Empty, queue.Full),
    ),
    _Kind(
        "future",
        "concurrent.futures",
        ("done", "running", "cancelled"),
        ("set_result", "set_exception", "cancel"),
        (InvalidStateError,),
    ),
)


_CANCELLED = (
    "Before the work begins ask `{}.set_running_or_notify_cancel()`: it is False for one that was cancelled, and from "
    "then on nobody can cancel it. Or d"
)


def explain_asked(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for such an error after a check by the same thread; None for others, and without such a check."""
    kind = next((kind for kind in _KINDS if isinstance(failure.exception, kind.errors)), None)
    mine = [index for index in history.of.get(failure.thread, []) if history.events[index].kind == Kind.ACQUIRE]
    if kind is None or not mine:
        return None
    calls = list(calls_on(history, history.events[mine[-1]].place, sources, kind.acts + kind.checks))
    own = [call for call in calls if call.thread == failure.thread]
    if len(own) < 2 or own[-2].method not in kind.checks:
        return None
    check, act = own[-2], own[-1]
    between = [call for call in calls if check.at < call.at < act.at and call.thread != failure.thread]
    between = [call for call in between if call.method in kind.acts]
    error = failure.exception
    return _finding(history, kind, check, between[-1], act, error, sources) if between and error else None


def _finding(
    history: History, kind: _Kind, check: Call, other: Call, act: Call, error: BaseException, sources: Sources
) -> Finding:
    words = Words(history, sources)
    sites = [history.events[call.at].site for call in (check, other, act)]
    name, who = words.thread(check.thread), words.thread(other.thread)
    thing = receiver(sources.line(sites[0].file, sites[0].line), check.method) if sites[0] is not None else ""
    thing = thing or f"the {kind.what}"
    raised = next(one.__name__ for one in kind.errors if isinstance(error, one))
    return Finding(
        "check then act",
        f"Checked, then changed by another thread: {thing}",
        f"{name} asks `{thing}.{check.method}()` in {words.line(sites[0])} and acts on the answer "
        f"in {words.line(sites[2], sites[0])}. In between {who} uses it in "
        f"{words.line(sites[1], sites[0])}, so the answer does not hold any more.",
        f"{_CANCELLED.format(thing) if other.method == 'cancel' else 'D'}o not ask first: call "
        f"`{thing}.{act.method}()` and catch {kind.module}.{raised}.",
        (words.side(check.at), words.side(other.at)),
        tuple(words.moment(call.at, f"calls {thing}.{call.method}()") for call in (check, other, act)),
        reason=f"it takes the {kind.what}'s lock in between",
    )
