"""Says that a result is wrong because items are still in a queue: whoever should have taken them has left too early."""

from __future__ import annotations

from plait._check.findings import Finding
from plait._check.hangs import Call
from plait._check.history import History
from plait._check.leftover import Leftover
from plait._check.source import Sources
from plait._check.words import Words


def explain_leftover(history: History, found: Leftover, sources: Sources) -> Finding:
    """The finding for items that nobody took."""
    words = Words(history, sources)
    put, got, thing = found.put, found.got, found.name
    site = history.events[put.at].site
    one = found.items == 1
    last = f"takes its last one in {words.line(history.events[got.at].site, site)}" if got is not None else "takes none"
    taker = got.thread if got is not None else min(found.takers)
    ended = history.ended(taker)
    why = (
        f"{'1 item is' if one else f'{found.items} items are'} still in `{thing}` at the end, and nobody takes "
        f"{'it' if one else 'them'}: {words.thread(put.thread)} puts the last one in {words.line(site)}; "
        f"{words.thread(taker)} {last} and {'has ended' if ended else 'goes on to other things'}."
    )
    calls = [put] if got is None else sorted((put, got))
    return Finding(
        "wrong order",
        f"Left in the queue: {thing}",
        why,
        "Let whoever takes items go on until all who put some are done: put the sentinel after the last of them "
        "(join them first, or count one sentinel for each), or empty the queue once more after the stop.",
        tuple(words.side(call.at) for call in calls),
        tuple(words.moment(call.at, _does(call, put, thing)) for call in calls),
    )


def _does(call: Call, put: Call, thing: str) -> str:
    return f"puts an item into {thing}, the last" if call == put else f"gets an item from {thing}, its last"
