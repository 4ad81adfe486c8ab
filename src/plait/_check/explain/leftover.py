"""Says that a result is wrong or never comes since items are still in a queue: who takes them has left too early."""

from __future__ import annotations

from plait._check.explain.deadlock import waits_at, what
from plait._check.findings import Finding, Moment
from plait._check.reading.history import History
from plait._check.reading.leftover import Leftover
from plait._check.reading.source import Sources
from plait._check.reading.uses import Call
from plait._check.reading.words import Words
from plait._check.record import Blocked


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


def explain_unserved(history: History, asks: Blocked, found: Leftover, sources: Sources) -> Finding:
    """The same where the one who put an item waits for what it was to bring about."""
    finding, words = explain_leftover(history, found, sources), Words(history, sources)
    end = Moment(asks.thread, waits_at(asks), f"waits for {what(asks, words, '')}, for ever", words.holds(asks))
    return finding._replace(
        why=f"{finding.why} {words.thread(asks.thread)} waits in {words.line(waits_at(asks))} for what it asked for.",
        fix="Take no more requests once the one who serves them is about to end: look whether it is, and put, under "
        f"one lock, and set that under the same lock. Or let it empty `{found.name}` once more at its end, and answer "
        "each request with an exception.",
        moments=(*finding.moments, end),
    )


def _does(call: Call, put: Call, thing: str) -> str:
    return f"puts an item into {thing}, the last" if call == put else f"gets an item from {thing}, its last"
