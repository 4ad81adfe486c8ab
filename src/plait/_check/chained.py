"""Says of an execution that does not end who takes its steps, and of timers that each of them starts the next one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from plait._core.event import Event, Site
from plait._draw.timeline import short_name

_MANY = 100  # timers


class _Thread(Protocol):
    """What is known of a thread: its name, of what kind it is, which one started it, and where."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def parent(self) -> int: ...

    @property
    def started(self) -> Site | None: ...


def busiest(lately: Sequence[Event], threads: Sequence[_Thread]) -> str:
    """Who has taken most of these steps, and where; "" where no line of the user's has."""
    steps = Counter((event.thread, event.site) for event in lately if event.site is not None)
    if not steps:
        return ""
    (number, site), _ = steps.most_common(1)[0]
    return f", lately by {threads[number].name} in {short_name(site.file)}, line {site.line}"


def chain_of_timers(threads: Sequence[_Thread]) -> str:
    """A sentence, and a space behind it, where many timers were started by timers; else nothing."""
    chained = [one for one in threads if one.kind == "timer" and threads[one.parent].kind == "timer"]
    sites = Counter(one.started for one in chained if one.started is not None)
    if len(chained) < _MANY or not sites:
        return ""
    (site, _), *_ = sites.most_common(1)
    return (
        f"{len(chained):,} timers have each started the next one, in {short_name(site.file)}, line {site.line}: a "
        "`cancel()` that comes when its timer has begun already ends nothing, so each has to look whether it is to go "
        "on. "
    )
