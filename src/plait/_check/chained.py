"""Says of an execution that does not end that its timers start the next one, each of them, and nobody ends that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from plait._core.event import Site
from plait._draw.timeline import short_name

_MANY = 100  # timers


class _Thread(Protocol):
    """What is known of a thread: of what kind it is, which one started it, and where."""

    @property
    def kind(self) -> str: ...

    @property
    def parent(self) -> int: ...

    @property
    def started(self) -> Site | None: ...


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
