"""Says why an execution ended with an exception: rules from the surest to the weakest, the first that fits is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from plait._check.explain.asked import explain_asked
from plait._check.explain.both import explain_both
from plait._check.explain.closed import explain_closed
from plait._check.explain.context import explain_context
from plait._check.explain.early import explain_early
from plait._check.explain.forked import explain_forked
from plait._check.explain.known_errors import known
from plait._check.explain.leftover import explain_leftover
from plait._check.explain.local import explain_local
from plait._check.explain.made_twice import explain_cached, explain_factory
from plait._check.explain.order_lost import explain_order_lost
from plait._check.explain.overdrawn import explain_overdrawn
from plait._check.explain.pieces import explain_pieces
from plait._check.explain.process import explain_process
from plait._check.explain.published import explain_published
from plait._check.explain.release import explain_release
from plait._check.explain.removed import explain_removed
from plait._check.explain.replaced import explain_replaced
from plait._check.explain.skew import explain_missed, explain_missed_untested, explain_skew
from plait._check.explain.split import explain_split
from plait._check.explain.stale import explain_stale
from plait._check.explain.swap import ends, explain_captured, explain_gap, explain_swap
from plait._check.explain.timed import explain_timed, explain_vain
from plait._check.explain.torn import explain_half, explain_iteration, explain_torn
from plait._check.explain.turned import explain_turned
from plait._check.explain.unmade import explain_unmade
from plait._check.explain.weakref import explain_weakref
from plait._check.explain.wire import explain_unplugged, explain_wire
from plait._check.explain.woken import explain_overtaken, explain_unlooped, explain_woken
from plait._check.findings import Finding, Side
from plait._check.reading.atomicity import Split, overlap
from plait._check.reading.best_split import best_split
from plait._check.reading.half import half, half_read
from plait._check.reading.history import History
from plait._check.reading.leftover import leftover
from plait._check.reading.ordering import Swap, gone, is_known, lacks, origins, swaps
from plait._check.reading.source import Sources
from plait._check.reading.suspects import suspects_of, touched_by
from plait._check.reading.torn import torn
from plait._check.reading.words import Words, begun, changeovers, frame_site, headline, innermost, own
from plait._check.record import Failure
from plait._core.event import Kind

_ITERATED = ("changed size during iteration", "mutated during iteration", "keys changed during iteration")
_ENOUGH = 6  # points of a split that is believed
_SOME = 1  # points of one that is told for want of anything better


class Crash(NamedTuple):
    """What the rules look at: the execution, how it failed, one that passed, and the most suspicious accesses."""

    history: History
    failure: Failure
    before: History | None
    suspects: list[int]
    split: Split | None
    points: int
    sources: Sources

    @property
    def is_judged(self) -> bool:
        """Whether the program itself says that a result is wrong; an exception that it quotes is not its own."""
        return isinstance(self.failure.exception, AssertionError | SystemExit)

    @property
    def may_miss(self) -> bool:
        """Whether it may fail by what was not there at all: not where it has read what it wanted, and fails behind."""
        return self.is_judged or isinstance(
            self.failure.exception, AttributeError | TypeError | NameError | LookupError | ValueError
        )

    @property
    def misses(self) -> bool:
        """Whether something was None that was to be used."""
        error = self.failure.exception
        return isinstance(error, AttributeError | TypeError) and "'NoneType'" in str(error)


def explain_exception(history: History, failure: Failure, before: History | None, sources: Sources) -> Finding | None:
    """The finding of the first rule that fits, None if none does."""
    suspects = suspects_of(history, failure, sources)
    split, points = best_split(history, before, suspects, failure, sources)
    crash = Crash(history, failure, before, suspects, split, points, sources)
    return next((found for rule in _RULES if (found := rule(crash)) is not None), None)


def _known(crash: Crash) -> Finding | None:
    """An exception that says itself what is wrong."""
    last = crash.failure.stack[-1] if crash.failure.stack else None
    told = known(crash.failure.exception, re.split(r"[/\\]", last.file)[-1] if last is not None else "")
    if (
        told is None
        or (told.racy and crash.points >= _ENOUGH)
        or (last is not None and last.mine and crash.sources.raises(last.file, last.line))
    ):
        return None  # or the program itself says so
    words = Words(crash.history, crash.sources)
    site = frame_site(innermost(crash.failure.stack))
    carried = any(  # a future has brought it here
        frame.file.endswith("_base.py") and not frame.function.startswith("set_") for frame in crash.failure.stack
    )
    facts = {
        "name": "a worker of the pool" if carried else words.thread(crash.failure.thread),
        "here": words.line(site),
    }
    side = Side(crash.failure.thread, facts["name"], headline(crash.failure), site, own(crash.failure.stack))
    moments = [words.moment(index) for index in changeovers(crash.history, site)]
    moments = begun(crash.history, crash.failure.thread) if site is None else moments
    return Finding(
        told.kind, told.title, told.why.format_map(facts), told.fix.format_map(facts), (side,), tuple(moments)
    )


def _asked(crash: Crash) -> Finding | None:
    """A queue or a future that was asked before it was used."""
    return explain_asked(crash.history, crash.failure, crash.sources)


def _released(crash: Crash) -> Finding | None:
    """A lock that is released while nobody has it."""
    return explain_release(crash.history, crash.failure, crash.sources)


def _closed(crash: Crash) -> Finding | None:
    """A channel or queue that was closed before its last use."""
    return explain_closed(crash.history, crash.failure, crash.sources)


def _context(crash: Crash) -> Finding | None:
    """A context variable without a value."""
    return explain_context(crash.history, crash.failure, crash.sources)


def _removed(crash: Crash) -> Finding | None:
    """A lock that was removed from where it is kept, while others wanted it."""
    return explain_removed(crash.history, crash.sources)


def _weakref(crash: Crash) -> Finding | None:
    """A weak reference whose object went between two questions."""
    return explain_weakref(crash.history, crash.failure, crash.sources)


def _process(crash: Crash) -> Finding | None:
    """What the process has one of, which threads have set at the same time."""
    return explain_process(crash.history, crash.before, crash.failure.thread, crash.sources)


def _overdrawn(crash: Crash) -> Finding | None:
    """A wrong result because a unit of a semaphore was given back twice."""
    return explain_overdrawn(crash.history, crash.sources) if crash.is_judged else None


def _unplugged(crash: Crash) -> Finding | None:
    """A socket or descriptor that another thread has closed."""
    return explain_unplugged(crash.history, crash.failure, crash.sources)


def _wire(crash: Crash) -> Finding | None:
    """What came in between on a socket or a pipe."""
    return explain_wire(crash.history, crash.before, crash.sources)


def _order_lost(crash: Crash) -> Finding | None:
    """A wrong result because threads overtook each other behind a lock."""
    return explain_order_lost(crash.history, crash.before, crash.sources) if crash.is_judged else None


def _forked(crash: Crash) -> Finding | None:
    """A lock that another thread had when the program forked."""
    return explain_forked(crash.history, crash.before, Words(crash.history, crash.sources))


def _timed(crash: Crash) -> Finding | None:
    """A wait that ended by its timeout, since nobody notified."""
    return explain_timed(crash.history, crash.failure.thread, crash.sources)


def _vain(crash: Crash) -> Finding | None:
    """A wait that ended by its timeout, since what it waited for did not come."""
    return None if crash.misses else explain_vain(crash.history, crash.failure, crash.sources)


def _iterated(crash: Crash) -> Finding | None:
    """A container that another thread changed while it was iterated, as the exception says."""
    if crash.is_judged or not any(text in str(crash.failure.exception) for text in _ITERATED):
        return None
    events = crash.history.events
    before = [(reading, index) for reading in crash.suspects for index in range(reading - 1, -1, -1)]
    # what others' code goes through in one call is changed after its event
    meanwhile = [(reading, index) for reading in crash.suspects for index in range(reading + 1, len(events))]
    for reading, index in (*before, *meanwhile):
        other = events[index]
        if other.kind == Kind.WRITE and other.thread != events[reading].thread and overlap(other, events[reading]):
            return explain_iteration(crash.history, reading, index, crash.sources)
    return None


def _unmade(crash: Crash) -> Finding | None:
    """An attribute that is not there yet."""
    return explain_unmade(crash.history, crash.failure, crash.sources)


def _local(crash: Crash) -> Finding | None:
    """A thread-local that tasks share."""
    return explain_local(crash.history, crash.sources)


def _early(crash: Crash) -> Finding | None:
    """A use of what another thread puts in place only after it has let this one go on."""
    return None if crash.is_judged else explain_early(crash.history, crash.suspects, crash.sources)


def _woken(crash: Crash) -> Finding | None:
    """A wait without a loop that a notify has ended for nothing."""
    return explain_woken(crash.history, crash.suspects, crash.sources)


def _replaced(crash: Crash) -> Finding | None:
    """A wrong result because a change went into what had been taken away."""
    return explain_replaced(crash.history, crash.before, crash.sources) if crash.is_judged else None


def _sure_split(crash: Crash) -> Finding | None:
    """Two accesses that belong together, with much that speaks for it."""
    if crash.split is None or crash.points < _ENOUGH:
        return None
    return _split(crash, crash.split)


def _overtaken(crash: Crash) -> Finding | None:
    """A wait without a loop whose notify another thread has used up."""
    return explain_overtaken(crash.history, crash.before, crash.sources)


def _factory(crash: Crash) -> Finding | None:
    """A value of a defaultdict that was made twice."""
    return explain_factory(crash.history, crash.sources)


def _cached(crash: Crash) -> Finding | None:
    """A function with a cache that ran twice."""
    return explain_cached(crash.history, crash.before, crash.sources)


def _pieces(crash: Crash) -> Finding | None:
    """A wrong result that is made of the pieces of several threads."""
    return explain_pieces(crash.history, crash.before, crash.sources) if crash.is_judged else None


def _captured(crash: Crash) -> Finding | None:
    """A loop variable that a thread reads too late."""
    return explain_captured(crash.history, crash.sources)


def _both(crash: Crash) -> Finding | None:
    """A check that two threads have passed before either had acted."""
    return explain_both(crash.history, crash.failure, crash.suspects, crash.sources)


def _leftover(crash: Crash) -> Finding | None:
    """A wrong result because items are left in a queue."""
    if not crash.is_judged or crash.before is None:
        return None
    found = leftover(crash.history, crash.before, crash.failure.thread, crash.sources)
    return explain_leftover(crash.history, found, crash.sources) if found is not None else None


def _torn(crash: Crash) -> Finding | None:
    """A wrong result because of two parts that do not belong together."""
    found = torn(crash.history, crash.sources) if crash.is_judged else None
    return explain_torn(crash.history, found, crash.sources) if found is not None else None


def _half_read(crash: Crash) -> Finding | None:
    """A wrong result that was made of two parts, of which one was changed already and the other was to be."""
    before = crash.before if crash.is_judged else None
    found = half_read(crash.history, before, crash.failure.thread, crash.sources) if before is not None else None
    return explain_half(crash.history, found, before, crash.sources) if before and found else None


def _swapped(crash: Crash) -> Finding | None:
    """A use and a change in another order than in the execution that passed."""
    history, before, suspects = crash.history, crash.before, crash.suspects
    found = []
    if before is not None:
        found = swaps(history, before, suspects) or swaps(history, before, origins(history, suspects))
        found = found or _lacking(crash, before)
        found = [swap for swap in found if crash.may_miss or not swap.late or is_known(history, before, swap)]
    if found and before is not None:
        early = explain_published(history, found[0].writer, crash.failure.thread, crash.sources)
        partly = None if early else half(history, before, found[0], crash.sources)
        if partly is not None:
            return explain_half(history, partly, before, crash.sources)
        return early or explain_gap(history, found[0], crash.sources) or explain_swap(history, found[0], crash.sources)
    alone = before is None and not crash.is_judged  # then there is nothing to compare it with
    alone = alone or crash.misses or isinstance(crash.failure.exception, AttributeError)
    lost = gone(crash.history, crash.suspects) if alone else None
    ended = lost is not None and ends(crash.sources, lost.site)
    return explain_swap(crash.history, lost, crash.sources) if lost is not None and ended else None


def _lacking(crash: Crash, before: History) -> list[Swap]:
    """The same of an element that is missing, which nobody has touched, perhaps."""
    error, history = crash.failure.exception, crash.history
    if not isinstance(error, LookupError):
        return []
    hot = touched_by(history, crash.failure, crash.sources)
    element = f"[{error.args[0]!r}]" if isinstance(error, KeyError) and error.args else ""
    return swaps(history, before, hot) or lacks(history, before, hot, element)


def _some_split(crash: Crash) -> Finding | None:
    """The best split there is."""
    if crash.split is None or crash.points < _SOME:
        return None  # it is seen in executions that pass, too, or what a thread has written others may change
    return _split(crash, crash.split)


def _skew(crash: Crash) -> Finding | None:
    """Two that have looked at each other's part before either had changed its own."""
    return explain_skew(crash.history, crash.sources)


def _split(crash: Crash, split: Split) -> Finding:
    """What is told of a split: of a loop or a wait around it, or of the two accesses."""
    history, sources = crash.history, crash.sources
    told = _skipped(history, split, sources) or explain_unlooped(history, split, sources)
    return told or explain_split(history, split, sources)


def _missed(crash: Crash) -> Finding | None:
    """Two of which each has missed what the other one did."""
    return explain_missed(crash.history, crash.sources)


def _stale(crash: Crash) -> Finding | None:
    """A call that was given what has been changed since."""
    return None if crash.is_judged else explain_stale(crash.history, crash.failure, crash.sources)


def _turned(crash: Crash) -> Finding | None:
    """A thread that took another way, and did not come to what was wanted of it."""
    return explain_turned(crash.history, crash.before, crash.suspects, crash.sources)


def _untested(crash: Crash) -> Finding | None:
    """Two of which each has missed what the other one did, where nobody asks."""
    return explain_missed_untested(crash.history, crash.before, crash.sources) if crash.is_judged else None


def _skipped(history: History, split: Split, sources: Sources) -> Finding | None:
    """Two steps of one loop over a container that changes in between: elements are skipped, or seen twice."""
    one, two = history.events[split.first].site, history.events[split.second].site
    if one is None or one != two or not sources.iterated(one):
        return None
    return explain_iteration(history, split.first, split.other, sources, fails=False)


_RULES: tuple[Callable[[Crash], Finding | None], ...] = (
    _asked, _closed, _unplugged, _context, _removed, _released, _iterated, _known, _weakref, _process, _forked,
    _overdrawn, _timed, _woken, _early, _unmade, _local, _replaced, _overtaken, _sure_split, _factory, _captured,
    _both, _wire, _order_lost, _leftover, _vain, _skew, _missed, _torn, _swapped, _half_read, _some_split, _cached,
    _pieces, _stale, _turned, _untested,
)  # fmt: skip
