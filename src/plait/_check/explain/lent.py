"""Says of a queue that lends things, as a pool of connections does, who has taken one and not given it back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from plait._check.explain.deadlock import waits_at
from plait._check.explain.hang import explain_hang
from plait._check.findings import Finding, Moment
from plait._check.reading.hangs import Cause
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.touched import called_name, calls_of, last_word
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words
from plait._check.record import Failure
from plait._core.event import Kind, Site

_TAKES, _GIVES = ("get", "get_nowait"), ("put", "put_nowait")
_PAIRS = (("__enter__", "__exit__"), ("__aenter__", "__aexit__"))
_CANCELLED = " A task that is cancelled, by a timeout for example, stops at its `await`."


class Lent(NamedTuple):
    """The indices of two events: who took something there, and the last that it did afterwards in the user's lines.

    The second is -1 where it went on with something else.
    """

    taken: int
    last: int


def explain_lent(history: History, failure: Failure, cause: Cause, sources: Sources) -> Finding | None:
    """The finding for a wait for what somebody has taken and kept; None where a queue is no such pool."""
    site = waits_at(cause.blocked)
    if cause.kind != "nothing comes" or not cause.waiting.kind.endswith("queue get") or site is None:
        return None
    line = sources.line(site.file, site.line)
    thing = next(filter(None, (receiver(line, method) for method in _TAKES)), "")
    name = last_word(thing)
    if not name or not _lends(site.file, name, sources):
        return None
    found = next(_kept(history, cause.blocked.thread, site.file, name, sources), None)
    if found is None:
        return None
    words = Words(history, sources)
    taken, last = history.events[found.taken], history.events[found.last].site if found.last >= 0 else None
    same = taken.thread == cause.blocked.thread
    who = words.thread(taken.thread) if not same else "It"
    ends = f"has ended behind line {last.line}" if last is not None else "went on"
    hang = explain_hang(history, failure, cause, sources)
    own, waits = words.thread(cause.blocked.thread), hang.moments[-1]
    return hang._replace(
        title=f"Not given back: {thing}",
        why=f"{own} waits for an item from `{thing}` in {words.line(site)}. {who} has taken one in "
        f"{words.line(taken.site, None if same else site)}{' before' if same else ''} and {ends} without putting it "
        "back, and nobody who is left will put one.",
        fix="Put back what was taken on every way out: let the `try:` whose `finally:` does so begin right behind the "
        "`get()`; or catch `BaseException` there, put it back and raise it again."
        + (_CANCELLED if history.is_task(taken.thread) else ""),
        moments=(
            Moment(taken.thread, taken.site, f"takes one from {thing}"),
            *([Moment(taken.thread, last, "ends behind this, and has not put it back")] if last is not None else []),
            waits,
        ),
    )


def _lends(file: str, name: str, sources: Sources) -> bool:
    """Whether some function of the file takes from the queue and puts back further down, or calls others that do."""
    functions = [one for one in sources.functions(file) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    takers = {one.name for one in functions if any(_lines(one, name, _TAKES))}
    givers = {one.name for one in functions if any(_lines(one, name, _GIVES))}
    if any(one in takers and other in givers for one, other in _PAIRS):
        return True
    for one in functions:
        calls = [(called_name(node), node.lineno) for node in ast.walk(one) if isinstance(node, ast.Call)]
        took = [*_lines(one, name, _TAKES), *(line for called, line in calls if called in takers)]
        gave = [*_lines(one, name, _GIVES), *(line for called, line in calls if called in givers)]
        if took and gave and min(took) < max(gave):
            return True
    return False


def _kept(history: History, mine: int, file: str, name: str, sources: Sources) -> Iterator[Lent]:
    """What others took, went on with and have not put back by their end, the last first."""
    takes = {line for method in _TAKES for line in sources.callers(file, name, method)}
    gives = {line for method in _GIVES for line in sources.callers(file, name, method)}
    found = []
    for thread, events in history.of.items():
        if thread != mine and not history.ended(thread):
            continue
        sites = [(index, site) for index in events if (site := history.events[index].site) and site.file == file]
        touched = [(index, site) for index, site in sites if _touches(history, index, site, name)]
        took = [index for index, site in touched if site.line in takes]
        gave = [index for index, site in touched if site.line in gives and index > min(took, default=index)]
        if thread == mine:  # the last time is the one that waits
            took = took[:-1]
        elif sites and sites[-1][1].line in takes:  # it was waiting when it ended
            continue
        if len(took) > len(gave):
            found.append(Lent(took[-1], -1 if thread == mine else sites[-1][0]))
    yield from sorted(found, reverse=True)


def _touches(history: History, index: int, site: Site, name: str) -> bool:
    event = history.events[index]
    return event.kind == Kind.READ and event.name == name and last_word(site.text) == name


def _lines(function: ast.AST, name: str, methods: tuple[str, ...]) -> Iterator[int]:
    for method in methods:
        yield from calls_of(function, name, method)
