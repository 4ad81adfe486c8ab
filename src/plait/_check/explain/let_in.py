"""Says of a race inside a lock that is not one of Python's own that the lock lets both in: another lock is no cure."""

from __future__ import annotations

import ast
import re
from typing import Final, NamedTuple

from plait._check.findings import Finding
from plait._check.reading.source import Sources
from plait._core.event import Site

_KINDS: Final = frozenset(
    ("lost update", "data race", "check then act", "non-repeatable read", "changed after the write", "broken invariant")
)
_LOCK: Final = re.compile(r"lock|mutex|guard|_rw|rw_", re.IGNORECASE)


def let_in(finding: Finding, sources: Sources) -> Finding:
    """The finding with a fix that speaks of the lock that stands around all of it already, by its name; else as it is.

    A lock of threads would be among those that a moment says are held.
    """
    moments = [moment for moment in finding.moments if moment.at >= 0 and moment.site is not None]
    if finding.kind not in _KINDS or any(moment.held for moment in moments):
        return finding
    around = [(moment.thread, _blocks(sources, moment.site)) for moment in moments if moment.site is not None]
    common = set.intersection(*(set(blocks) for _, blocks in around)) if around else set()
    threads = {thread for thread, _ in around}
    lock = max(
        (one for one in common if len({(thread, blocks[one]) for thread, blocks in around}) == len(threads)),
        key=len,
        default="",
    )
    if not lock or len(threads) < 2:
        return finding
    texts = sorted({blocks[lock].text for _, blocks in around})
    stands = "stands" if len(texts) == 1 else "stand"
    named = " and ".join(f"`{text}:`" for text in texts[:2])
    made = "asyncio.Lock" if texts[0].startswith("async") else "threading.Lock"
    return finding._replace(
        fix=f"{named} {stands} around all of this already, and let both in: `{lock}` is not the same object for both, "
        f"or it lets several in. Mend that, or hold one `{made}` in its place."
    )


class _Block(NamedTuple):
    """A `with` block: its line, and how it begins."""

    line: int
    text: str


def _blocks(sources: Sources, site: Site) -> dict[str, _Block]:
    """The blocks around the site that enter what has the name of a lock, by that name."""
    found = {}
    for block in sources.blocks(site):
        word = "async with" if isinstance(block, ast.AsyncWith) else "with"
        for item in block.items:
            lock = _lock(item.context_expr)
            if lock:
                found[lock] = _Block(block.lineno, f"{word} {ast.unparse(item.context_expr)}")
    return found


def _lock(entered: ast.expr) -> str:
    """`lock` of ``lock.reader()``, ``self.lock`` of ``self.lock``; "" if nothing in it has the name of a lock."""
    function = entered.func if isinstance(entered, ast.Call) else entered
    parts = ast.unparse(function).split(".")
    first = next((number for number, part in enumerate(parts) if _LOCK.search(part)), -1)
    return ".".join(parts[: first + 1])
