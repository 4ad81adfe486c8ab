"""What a thread waits for that runs a method of the standard library itself, as by ``Thread(target=barrier.wait)``.

None of its frames is the user's own, so there is no line that waits. The name and the line are those where the method
was passed on, as the files of the other threads have it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from plait._see.why import source
from plait._see.why.dump import Frame, Thread
from plait._see.why.keys import is_own
from plait._see.why.wait import Wait

_BOTTOM = ("_bootstrap", "_bootstrap_inner", "run", "_worker", "worker")
_PARTS = re.compile(r"[/\\]plait[/\\]_\w+[/\\]")
_VOWELS = "AEIOU"


def named(wait: Wait, thread: Thread, everybody: Sequence[Thread]) -> Wait:
    """The wait, with a name, and with a line if there is one where it can have been passed on."""
    method = _method(thread)
    itself = method.variables.get("self") if method is not None else None
    if wait.frame is not None or method is None or not wait.address:
        return wait
    if itself is None or itself.address != wait.address:  # a library's own, which waits for something of its own
        return wait
    kind = itself.type
    own = [frame for one in everybody for frame in one.frames if is_own(frame)]
    names = {name for frame in own for name, thing in frame.variables.items() if thing.address == wait.address}
    passed = [
        (one.expression, Frame(file, one.line, ""))
        for file in dict.fromkeys(frame.file for frame in own)
        for one in source.passed(file, method.name)
        if (one.expression in names if names else source.made_as(file, one.expression) in ("", kind))
    ]
    expressions = {expression for expression, _ in passed}
    if len(expressions) == 1:
        return wait._replace(what=expressions.pop(), frame=passed[0][1] if len(passed) == 1 else None)
    article = "an" if kind[:1] in _VOWELS else "a"
    return wait._replace(what=min(names, default=f"{article} {kind}" if kind else "", key=len))


def _method(thread: Thread) -> Frame | None:
    """The method that the thread was started with, or runs as a task: the outermost frame that is not of threads."""
    frames = takewhile(lambda frame: not _PARTS.search(frame.file), thread.frames)
    return next((frame for frame in reversed(list(frames)) if frame.name not in _BOTTOM), None)
