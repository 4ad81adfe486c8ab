"""Says that two threads have passed one check before either had come to the change that lets only one pass."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from plait._check.access import CHANGES
from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding, Moment
from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words, own
from plait._check.record import Failure
from plait._core.event import Kind, Site


class Both(NamedTuple):
    """The check of the thread that failed, that of the other, what the other did then, and the line that comes late."""

    check: int
    other: int
    done: int
    late: int


def explain_both(history: History, failure: Failure, suspects: list[int], sources: Sources) -> Finding | None:
    """The finding for `if not self.closed: self.pipe.close(); self.closed = True` by two threads; None for others.

    `suspects` are what the failing thread touched on the lines of the failure.
    """
    found = next(_both(history, failure, suspects, sources), None)
    if found is None:
        return None
    words = Words(history, sources)
    first, second = sorted((found.check, found.other))
    one, two = (words.thread(history.events[index].thread) for index in (first, second))
    site = history.events[found.check].site
    thing, check, late = words.thing(found.check), words.line(site), f"line {found.late}"
    lines = f"lines {site.line} to {found.late}" if site is not None else late
    late_site = site.at_line(found.late) if site is not None else None
    gil, reason = on_gil_builds(history, found.other, found.done, sources)
    moments = [
        (first, words.moment(first, f"checks {thing}")),
        (second, words.moment(second, f"checks {thing}, too")),
        (found.done, words.moment(found.done)),
    ]
    return Finding(
        "check then act",
        f"Both have passed the check: {thing}",
        f"{one} checks `{thing}` in {check} and changes it only in {late}. Before it has come there, {two} checks it "
        "as well and finds the same: both do what only one was to do.",
        _fix(history, found, words, lines, thing),
        (words.side(found.check), words.side(found.other)),
        (
            *(moment for _, moment in sorted(moments, key=lambda row: row[0])),
            Moment(history.events[found.check].thread, late_site, f"would change {thing}: too late"),
        ),
        gil=gil,
        reason=reason,
    )


def _both(history: History, failure: Failure, suspects: list[int], sources: Sources) -> Iterator[Both]:
    events = history.events
    within = {(frame.file, frame.function): frame.line for frame in own(failure.stack)}
    for check in reversed(history.of.get(failure.thread, [])):
        site = events[check].site
        failed = within.get((site.file, site.function)) if site is not None else None
        if site is None or failed is None or failed <= site.line or events[check].kind != Kind.READ:
            continue
        if check in suspects:
            continue  # that is the check that it has failed by
        late = _changed_behind(sources, site, events[check].name, failed) if sources.in_test(site) else 0
        for other in _alike(history, check) if late else ():
            done = _did(history, other, suspects)
            if done >= 0:
                yield Both(check, other, done, late)


def _alike(history: History, check: int) -> Iterator[int]:
    """The same check by other threads, when nobody had changed what it looks at in between."""
    events, mine = history.events, history.events[check]
    changed = [index for index, event in enumerate(events) if event.kind == Kind.WRITE and overlap(event, mine)]
    for index, event in enumerate(events):
        same = (event.kind, event.site) == (mine.kind, mine.site) and overlap(event, mine)
        first, second = sorted((index, check))
        if same and event.thread != mine.thread and not any(first < change < second for change in changed):
            yield index


def _did(history: History, check: int, suspects: list[int]) -> int:
    """What the thread of a check has changed after it that the other one fails by; -1 if nothing."""
    events = history.events
    after = [index for index in history.of[events[check].thread] if index > check and events[index].kind == Kind.WRITE]
    return next((one for one in after if any(one < use and overlap(events[one], events[use]) for use in suspects)), -1)


def _changed_behind(sources: Sources, site: Site, part: str, line: int) -> int:
    """The first line behind another one, in the function of a check, that changes what it looks at; 0 if none."""
    function, thing = sources.function(site), sources.thing(site, part)
    nodes = ast.walk(function) if function is not None and thing else ()
    changed = (node for node in nodes if isinstance(node, ast.expr) and _changes(node, thing, part))
    return min((node.lineno for node in changed if node.lineno >= line), default=0)


def _changes(node: ast.expr, thing: str, part: str) -> bool:
    """Whether what has this source is given a value there; of a container, whether it gets an element or loses one."""
    if part[:1] != "[":
        is_name = isinstance(node, ast.Attribute | ast.Name) and not isinstance(node.ctx, ast.Load)
        return is_name and ast.unparse(node) == thing
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load) and ast.unparse(node.value) == thing
    method = node.func if isinstance(node, ast.Call) else None
    return isinstance(method, ast.Attribute) and method.attr in CHANGES and ast.unparse(method.value) == thing


def _fix(history: History, found: Both, words: Words, lines: str, thing: str) -> str:
    first = f"Or change `{thing}` right behind the check, and act only then"
    common = history.locks(found.other) & history.locks(found.check)
    if common:
        return f"Keep `{words.lock(min(common))}` over {lines}: one `with` block. {first}, under the lock."
    if all(history.is_task(history.events[index].thread) for index in (found.other, found.check)):
        return f"Hold one `asyncio.Lock` over {lines} (`async with lock:`). {first}, with no `await` in between."
    return f"Hold one lock over {lines} (`with lock:` around the check and the change). {first}, under that lock."
