"""How somebody left the lines between ``acquire()`` and ``release()`` without coming to the second."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.touched import called_name, calls_of
from plait._check.reading.uses import gives_back
from plait._check.reading.waits import receiver
from plait._check.reading.words import frame_site, headline, innermost, numbered, own
from plait._check.record import Blocked, Failure
from plait._core.event import Kind, Site
from plait._draw.timeline import short_name

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_LEAVING = {ast.Return: "return", ast.Raise: "raise", ast.Break: "break", ast.Continue: "continue"}


class Span(NamedTuple):
    """The lines of a function in which something is held: where it is taken, and the last that gives it back."""

    function: _Function
    taken: int
    given: tuple[int, ...]


def way_out(history: History, failure: Failure, thread: int, since: Site, sources: Sources) -> str:
    """A sentence on how the thread or task left without a release what it took there; "" if that cannot be told."""
    span = _span(history, thread, since, sources)
    return left(history, failure, thread, since, span) if span is not None else ""


def left(history: History, failure: Failure, thread: int, since: Site, span: Span) -> str:
    """The same of lines that are known; what is held was taken in the file of `since`."""
    ends = sorted(_ends(span))
    inside = range(span.taken, span.given[-1] + 1)
    calls_again = any(one.thread == thread for one in failure.blocked)
    been = _reversed(history, thread, since, before=span.function.name if calls_again else "")
    last = next((site.line for site in been if site.line in inside), span.taken)
    name, given = span.function.name, numbered(span.given)
    error = failure.cause
    if error is not None and error.thread == thread and (frame := innermost(error.stack)) is not None:
        ended = f" {headline(error)} in {_line(frame_site(frame), since)} ended"
        if any((one.file, one.function.rpartition(".")[2]) == (since.file, name) for one in error.stack):
            return f"{ended} `{name}` before it came to the release in {given}."
        outer = own(error.stack)[0].function.rpartition(".")[2]  # it was taken in a call that is over
        return f"{ended} `{outer}`, which did not see to it that it is given back."
    taken = next(((line, word) for line, word in ends if line >= last), None)
    if taken is None:
        where = f"behind line {last}" if last == span.taken else f"in line {last} or behind it"
        what = "An exception, or a cancellation," if history.is_task(thread) else "An exception"
        return f" {what} {where} ended `{name}` before it came to the release in {given}."
    line, word = taken
    leaves = f"leaves `{name}`" if word in ("return", "raise") else "goes round the loop" if word == "continue" else ""
    return f" The `{word}` in line {line} {leaves or 'leaves the loop'} without the release in {given}."


def _line(site: Site | None, beside: Site) -> str:
    if site is None:
        return "a line that is not yours"
    return f"line {site.line}" if site.file == beside.file else f"{short_name(site.file)}, line {site.line}"


def is_left(blocked: Blocked, since: Site | None, sources: Sources) -> bool:
    """Whether the one who waits took the same before, in a call that is over and ought to have given it back."""
    if since is None or not gives_back(since, sources) or not receiver(sources.line(since.file, since.line), "acquire"):
        return False
    frames = [one for one in blocked.stack if one.mine and (one.file, one.function) == (since.file, since.function)]
    return not frames or (len(frames) == 1 and frames[0].line == since.line)


def _span(history: History, thread: int, since: Site, sources: Sources) -> Span | None:
    """Where it is held: in the function that takes it, or in the one that calls both that and what gives it back."""
    function = sources.function(since)
    name = receiver(sources.line(since.file, since.line), "acquire").rpartition(".")[2]
    if not isinstance(function, _Function) or not name:
        return None
    given = [line for line in calls_of(function, name, "release") if line > since.line]
    if given:
        return Span(function, since.line, tuple(sorted(given)))
    givers = {one.name for one in sources.functions(since.file) if any(calls_of(one, name, "release"))}
    seen = {site.function.rpartition(".")[2] for site in _reversed(history, thread, since)}
    for caller in sources.functions(since.file):
        called = [(called_name(node), node.lineno) for node in ast.walk(caller) if isinstance(node, ast.Call)]
        took = [line for one, line in called if one == function.name]
        gave = [line for one, line in called if one in givers and took and line > min(took)]
        if caller.name in seen and gave:
            return Span(caller, min(took), tuple(sorted(gave)))
    return None


def _reversed(history: History, thread: int, since: Site, *, before: str = "") -> Iterator[Site]:
    """Where the thread has been in the file, the last first; with `before` until it last called this function."""
    for index in reversed(history.of.get(thread, [])):
        site = history.events[index].site
        if site is None or site.file != since.file:
            continue
        if not before:
            yield site
        elif history.events[index].kind == Kind.ENTER and site.function.rpartition(".")[2] == before:
            before = ""


def _ends(span: Span) -> Iterator[tuple[int, str]]:
    """The lines that leave while it is held, and the word that does it; not those behind a release."""
    for block in _blocks(span.function, span):
        released = False
        for statement in block:
            lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
            word = _LEAVING.get(type(statement), "")
            inside = span.taken < statement.lineno <= span.given[-1] and not _stays(statement, span)
            if word and inside and not released:
                yield statement.lineno, word
            released = released or (statement.lineno > span.taken and any(line in lines for line in span.given))


def _stays(statement: ast.stmt, span: Span) -> bool:
    """Whether it only leaves a loop that begins while the thing is held, or its turn."""
    if not isinstance(statement, ast.Break | ast.Continue):
        return False
    loops = (one for one in ast.walk(span.function) if isinstance(one, ast.For | ast.AsyncFor | ast.While))
    around = [one.lineno for one in loops if one.lineno <= statement.lineno <= (one.end_lineno or 0)]
    return max(around, default=0) > span.taken


def _blocks(node: ast.AST, span: Span) -> Iterator[Sequence[ast.stmt]]:
    """The blocks of a function, without those whose `finally:` gives it back."""
    for child in ast.iter_child_nodes(node):
        is_safe = isinstance(child, ast.Try) and any(
            one.lineno <= line <= (one.end_lineno or one.lineno) for one in child.finalbody for line in span.given
        )
        if not is_safe and not isinstance(child, _Function | ast.Lambda | ast.ClassDef):
            yield from _blocks(child, span)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
