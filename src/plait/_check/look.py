"""Looks at each execution of a search: keeps one that passed, says what to try next, sees losses nobody noticed."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from operator import attrgetter

from plait._check.explain.remark import explain_remark
from plait._check.findings import Finding
from plait._check.investigate import Case
from plait._check.predict import Prediction, lost, predictions
from plait._check.reading.history import History
from plait._check.reading.races import interleaved
from plait._check.reading.reversals import ORDERED, reversals
from plait._check.reading.source import Sources
from plait._check.record import Record, Switch
from plait._check.remarks import GRAVITY
from plait._check.scout import Discovery
from plait._core.event import Event, Site

_SITE, _THREAD = attrgetter("site"), attrgetter("thread")
_LONGEST = 10_000  # events; beyond, predicting costs more than it saves
_AGAIN = 3  # trials of one order of two lines: it may do no harm where it is seen first
_TRIED = 40  # predictions that are run in a search


class Look:
    """Called with every record, in order.

    Args:
        hint: makes the next executions, one for each call, follow these switches; called in the order of the trials.
        sources: the user's source.
        one_output: whether all executions have to print the same.
        follows: whether the execution that is looked at followed such switches; all do, while there are any, if None.
    """

    def __init__(
        self,
        hint: Callable[[Sequence[Switch]], object],
        sources: Sources,
        *,
        one_output: bool = False,
        follows: Callable[[], bool] | None = None,
    ) -> None:
        self._hint = hint
        self._follows = follows
        self._sources = sources
        self._one_output = one_output
        self._passing: Record | None = None
        self._trials: deque[Prediction] = deque()
        self._told: dict[tuple[str, bool, tuple[Site | None, ...]], set[tuple[Switch, ...]]] = defaultdict(set)
        self._remarked: set[tuple[str, tuple[Site | None, ...]]] = set()
        self._notes: list[Finding] = []
        self._judged: set[tuple[Site | None, ...]] = set()  # accesses in an order that may have lost something
        self._seen: set[tuple[Site | None, bool]] = set()  # where threads have come, and where several in one execution
        self._apart: set[tuple[object, object]] = set()  # functions that different threads have run in one execution
        self._orders: dict[tuple[int, int], tuple[Site | None, Site | None]] = {}  # who came right behind whom
        self._came: set[tuple[int, int]] = set()  # the same: identities of sites, and who came there
        self._kept: dict[int, Site | None] = {}  # so that no other site gets an identity

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Worth a remark: deadlocks that lock orders make likely and that did not come; what holds up an event loop."""
        return tuple(self._notes)

    def __call__(self, record: Record) -> Case | None:
        """The case when the search is to end with this record; None to go on."""
        follows = self._follows is None or self._follows()
        trial = self._trials.popleft() if self._trials and follows else None
        if record.failure is not None:
            return Case(record, self._passing, trial)
        if trial is not None and trial.note is not None:
            self._notes.append(trial.note)
        if trial is not None and lost(trial, record, self._sources) is not None:
            return Case(record, self._passing, trial)
        self._remark(record)
        self._passing = self._passing or record
        if self._one_output and record.output != self._passing.output:
            return Case(record, self._passing)
        if (seen := self._lost_here(record)) is not None:
            return Case(record, self._passing, seen)
        self._predict(record)
        return None

    def _lost_here(self, record: Record) -> Prediction | None:
        """An update that was lost in this execution, though nothing had led to it, and the program did not notice."""
        for accesses in interleaved(record.events):
            sites = tuple(record.events[at].site for at in accesses)
            if sites not in self._judged and accesses[2] not in record.same:
                self._judged.add(sites)
                seen = Prediction("data race", (), sites)
                if lost(seen, record, self._sources) is not None:
                    return seen
        return None

    def confirm(self, record: Record, discovery: Discovery) -> Case | None:
        """The case when a scout's discovery has come true in this record, which was performed for it."""
        if record.failure is not None:
            return Case(record, self._passing)
        seen = Prediction("data race", (), discovery.sites)
        if discovery.sites and lost(seen, record, self._sources) is not None:
            return Case(record, self._passing, seen)
        if self._one_output and self._passing is not None and record.output != self._passing.output:
            return Case(record, self._passing)
        return None

    def _remark(self, record: Record) -> None:
        for remark in record.remarks:
            key = remark.kind, (remark.site, remark.other)
            if key not in self._remarked and remark.kind in GRAVITY:
                self._remarked.add(key)
                self._notes.append(explain_remark(History(record), remark, self._sources))

    def _predict(self, record: Record) -> None:
        """What this execution shows of the source for the first time is worth trying; the rest has been tried.

        A line to which two threads come has not been seen where only one of them had come; nor have two functions that
        two threads run, as those of a pool may, where one thread had run both.
        """
        if not self._room() or len(record.events) > _LONGEST or len(record.threads) == 1:
            return
        orders = _orders(record)
        new_orders = orders.keys() - self._orders.keys()
        self._orders.update(orders)
        if not self._predict_all(record) and new_orders:  # other lines meet than ever before: so others may be near
            for reversal in reversals(History(record)):
                self._try(Prediction("order", reversal.switches, reversal.sites), _AGAIN)

    def _predict_all(self, record: Record) -> bool:
        """Whether the record has shown something of the source for the first time; then all it predicts is tried."""
        came = set(zip(map(id, map(_SITE, record.events)), map(_THREAD, record.events), strict=True))
        if came <= self._came:  # a site is one object in most events, and these need no comparing
            return False
        self._came |= came
        self._kept.update((id(event.site), event.site) for event in record.events)
        pairs = {(event.site, event.thread) for event in record.events}
        times = Counter(site for site, _ in pairs)
        seen = {(site, several) for site, threads in times.items() for several in {False, threads > 1}}
        apart = _apart(pairs)
        if seen <= self._seen and apart <= self._apart:
            return False
        self._seen |= seen
        self._apart |= apart
        for prediction in predictions(record, self._sources):
            self._try(prediction, 1)
        return True

    def _try(self, prediction: Prediction, times: int) -> None:
        key = prediction.kind, prediction.early, prediction.sites
        tried = self._told[key]
        if len(tried) < times and prediction.switches not in tried and self._room():
            tried.add(prediction.switches)
            self._trials.append(prediction)
            self._hint(prediction.switches)

    def _room(self) -> bool:
        return sum(map(len, self._told.values())) < _TRIED


def _apart(came: set[tuple[Site | None, int]]) -> set[tuple[object, object]]:
    """The pairs of functions, with their files, that different threads have run; a function and itself, too."""
    ran: dict[tuple[str, str], set[int]] = {}
    for site, thread in came:
        if site is not None:
            ran.setdefault((site.file, site.function), set()).add(thread)
    return {
        (one, other) for one, other in combinations_with_replacement(sorted(ran), 2) if len(ran[one] | ran[other]) > 1
    }


def _orders(record: Record) -> dict[tuple[int, int], tuple[Site | None, Site | None]]:
    """The two places in the source, by their identities, where one thread touched something right behind another."""
    last: dict[int, Event] = {}
    found = {}
    for event in record.events:
        if event.kind in ORDERED and event.place >= 0:
            before = last.get(event.place)
            if before is not None and before.thread != event.thread:
                found[id(before.site), id(event.site)] = before.site, event.site
            last[event.place] = event
    return found
