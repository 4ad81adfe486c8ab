"""The rule of ``engine="auto"``: from what was measured on the first items to an engine and one sentence. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple

from plait._core.how_many import in_units

TINY = 3e-6  # seconds per item: below this not even a batch of items is worth being handed to somebody else
_WAITING = 0.5  # below this share of busy time the function waits for something
HOLDS = 0.85  # the share of the time others had to wait for the GIL, from which on no race is needed to know
_UNRACED = 0.5  # the same, where no race could be run
_AS_GOOD = 0.75  # threads are chosen when they reach this share of what processes would: they need no start, no memory
_LEAST = 0.001  # the share of the time, with the GIL or on a core, that is told from nothing
_MORE = 1.15  # times the work of one that two threads must do to be worth it
_WORTH = 1.0  # how often what processes save of the work that is left must pay for their start
_WORTH_A_RACE = 0.1  # seconds of work that is left, for which it matters whether threads help or hinder each other
_START = 0.05  # seconds that processes take to start at least
_IMPORT = 0.0004  # seconds to import one module
_HELPED = 0.6  # of the other cores must be busy for a call to have them to itself
_HANDLING = 2e-6  # seconds that handing over one item takes, beside what pickling it and its result does
_DEAR = 0.4  # of the computing time; from there on two processes are no faster than one thread


class Measured(NamedTuple):
    """What the first calls cost.

    Attributes:
        calls: how many calls ended.
        elapsed: seconds of wall time they took together, less what they waited for a core that others had.
        busy: seconds of these in which they computed.
        gil: the share of the time, from 0 to 1, that a thread which only wanted to wake up had to wait for the GIL.
        left: how many items remain, or None when nobody knows.
        cores: how many cores may be used.
        free_threaded: whether this interpreter runs without a GIL.
        race: how much more two threads did than one, at the same time; None when they have not been tried.
        transfer: seconds to pickle and unpickle one argument and one result.
        transfer_bytes: how large these are.
        start: seconds that processes take to start.
        threads, processes: how many of each there may be; as many processes as cores where 0 is said.
        helped: how many cores other threads kept busy that are not Python's, as those of a BLAS are.

    The figures are those of items that ran by themselves: what they cost while they wait for one another is no measure.
    """

    calls: int
    elapsed: float
    busy: float
    gil: float
    left: int | None
    cores: int
    free_threaded: bool = False
    race: float | None = None
    transfer: float = 0.0
    transfer_bytes: int = 0
    start: float = 0.05
    threads: int = 64
    processes: int = 0
    helped: float = 0.0

    @property
    def cost(self) -> float:
        """Seconds of wall time per item."""
        return self.elapsed / max(1, self.calls)

    def of_more(self, calls: int) -> Measured:
        """The same if so many calls had ended, each of which took as long."""
        return self._replace(calls=calls, elapsed=self.cost * calls, busy=self.share * self.cost * calls)

    @property
    def cost_of_rest(self) -> float:
        """Seconds that what is left takes, one item after the other; without an end in sight, as many items again.

        Of what computes only that counts: what lets the GIL go at every turn waits for those who measure it.
        """
        left = max(1, self.calls) if self.left is None else self.left
        return left * (self.cost if self.waits else self.cost * self.share)

    @property
    def saved(self) -> float:
        """Seconds of what is left that processes would save, once they have started; they handle each item, too."""
        handled = 1 + (_HANDLING + self.transfer) / max(self.cost * self.share, TINY)
        return self.cost_of_rest * (1 - handled / self.cores)

    @property
    def share(self) -> float:
        """The share of its time, from 0 to 1, that the function computes."""
        return min(1.0, self.busy / self.elapsed) if self.elapsed > 0 else 1.0

    @property
    def parallel(self) -> bool:
        """Whether one call keeps the cores busy, because it computes on several threads itself, without the GIL.

        With it in hand it may not need those threads just then: a BLAS has its own spin for a while after each use.
        """
        return self.cores > 1 and self.helped >= _HELPED * (self.cores - 1) and self.gil < _UNRACED

    @property
    def waits(self) -> bool:
        """Whether it mostly waits, and lets others run meanwhile."""
        return self.share < _WAITING and self.gil < HOLDS

    @property
    def of_threads(self) -> float:
        """How many items threads do in the time that one takes alone: they overlap their waits and share the GIL."""
        return min(self.threads, 1 / max(self.gil, _LEAST), self.cores / max(self.share, _LEAST))

    @property
    def of_processes(self) -> float:
        """The same of processes, of which each does one item at a time."""
        return min(self.processes or self.cores, self.cores / max(self.share, _LEAST))


class Choice(NamedTuple):
    """The engine for the remaining items, and why.

    `alone` says that one thread does about as much as more of them would, as long as it computes.
    """

    engine: str
    reason: str
    alone: bool = False


def choose(measured: Measured) -> Choice:
    """The engine that suits what was measured, provided that the function does not depend on shared memory.

    >>> choose(Measured(calls=4, elapsed=0.2, busy=0.004, gil=0.0, left=100, cores=2))
    Choice(engine='thread', reason='threads: 98 % of the time it waits', alone=False)
    >>> choose(Measured(calls=4, elapsed=0.2, busy=0.2, gil=0.9, left=100, cores=2)).engine
    'process'
    """
    return (
        _if_plain(measured)
        or _if_it_releases(measured)
        or _if_dear(measured)
        or _if_too_little(measured)
        or _processes(measured)
    )


def wants_race(measured: Measured) -> bool:
    """Whether only a race of two threads can tell if threads suit a function, or if one of them does as much.

    >>> wants_race(Measured(calls=4, elapsed=0.2, busy=0.2, gil=0.3, left=100, cores=2))
    True
    >>> brief = Measured(calls=4, elapsed=0.02, busy=0.02, gil=0.3, left=40, cores=2, start=0.2)
    >>> choose(brief).reason, wants_race(brief), wants_race(brief._replace(left=10))
    ('threads: what is left, about 200 ms, does not pay for processes', True, False)
    >>> choose(brief._replace(helped=0.9)).reason
    'threads: one call keeps 1.9 of 2 cores busy, with threads of its own'
    """
    if measured.race is not None or measured.gil >= HOLDS or measured.waits:
        return False
    plain = _if_plain(measured)
    return plain is None or (is_too_little(plain) and measured.cost_of_rest >= _WORTH_A_RACE)


def _if_plain(measured: Measured) -> Choice | None:
    """What the cost of one thread's calls and the machine decide."""
    if measured.free_threaded:
        return Choice("thread", "threads: this interpreter has no GIL")
    if measured.calls and measured.cost < TINY:
        return Choice(
            "thread",
            f"threads: at {in_words(measured.cost)} per item, moving items would cost more than running them",
            alone=True,
        )
    if measured.parallel:
        busy = min(measured.cores, measured.share + measured.helped)
        what = f"threads: one call keeps {busy:.1f} of {measured.cores} cores busy, with threads of its own"
        return Choice("thread", what, alone=True)
    if measured.waits and measured.of_threads >= _AS_GOOD * measured.of_processes:
        share = f"{100 * (1 - measured.share):.0f} % of the"
        if not measured.calls:
            return Choice("thread", f"threads: {share} first {in_words(measured.elapsed)} it waited")
        return Choice("thread", f"threads: {share} time it waits")
    if measured.cores < 2:
        return Choice("thread", "threads: there is only one core to use", alone=True)
    return _if_too_little(measured._replace(transfer=0.0))  # when that makes the difference, it is what is told


def _if_too_little(measured: Measured) -> Choice | None:
    if measured.saved >= _WORTH * measured.start:
        return None
    what = f"threads: what is left, about {in_words(measured.cost_of_rest)}, {_UNWORTHY}"
    return Choice("thread", what, alone=suffices(measured))


_UNWORTHY = "does not pay for processes"


def suffices(measured: Measured) -> bool:
    """Whether one thread does about as much of this as two, which take the GIL from each other.

    >>> suffices(Measured(calls=4, elapsed=0.2, busy=0.2, gil=0.9, left=100, cores=2))
    True
    """
    if measured.parallel:
        return True
    if measured.free_threaded or measured.share < _WAITING:
        return False
    return measured.race < _MORE if measured.race is not None else measured.gil >= HOLDS


def is_too_little(choice: Choice) -> bool:
    """Whether a choice was made because there seemed to be too little left for processes."""
    return choice.reason.endswith(_UNWORTHY)


def _if_it_releases(measured: Measured) -> Choice | None:
    waits = f"others wait for it {100 * measured.gil:.0f} % of the time"
    if measured.gil >= HOLDS or measured.waits:  # of what waits, `_if_plain` knows what threads do
        return None
    if measured.race is None:
        return Choice("thread", f"threads: it lets the GIL go, {waits}") if measured.gil < _UNRACED else None
    threads = min(measured.race / 2 * measured.cores, 1 / max(measured.gil, 0.01))
    if threads < _AS_GOOD * measured.cores:
        return None
    return Choice("thread", f"threads: it lets the GIL go, two of them do {measured.race:.1f} times the work of one")


def _if_dear(measured: Measured) -> Choice | None:
    computing = measured.cost * measured.share
    if measured.transfer <= _DEAR * computing:
        return None
    much = in_units(measured.transfer_bytes)
    return Choice(
        "thread",
        f"threads: to move {much} per item takes {in_words(measured.transfer)}, computing {in_words(computing)}",
        alone=suffices(measured),
    )


def nature(measured: Measured) -> str:
    """Why processes would suit a function, in short.

    >>> measured = Measured(calls=4, elapsed=0.2, busy=0.2, gil=0.8, left=100, cores=2, race=1.9)
    >>> nature(measured), nature(measured._replace(gil=0.3, race=1.1))
    ('it holds the GIL', 'two do not do twice the work')
    """
    return "it holds the GIL" if _is_known_by_gil(measured) else "two do not do twice the work"


def _is_known_by_gil(measured: Measured) -> bool:
    return measured.gil >= _UNRACED or measured.race is None


def _processes(measured: Measured) -> Choice:
    if measured.threads == 1:
        return Choice("process", f"processes: {in_words(measured.cost)} per item, one at a time in each process")
    if _is_known_by_gil(measured):
        held = f"it holds the GIL {100 * measured.gil:.0f} % of {in_words(measured.cost)} per item"
        if measured.waits:
            more = measured.of_processes / measured.of_threads
            held += f", so that {measured.processes or measured.cores} do {more:.1f} times the work of threads"
        return Choice("process", f"processes: {held}")
    return Choice(
        "process",
        f"processes: two threads do only {measured.race:.1f} times the work of one, {in_words(measured.cost)} per item",
    )


def because_lazy(made: str) -> str:
    """Why calls that give something which has yet to run stay on threads: to make it is all that they do."""
    return f"threads: a call only makes {made}, whose code runs where it is iterated, in this process"


def start_seconds(modules: int) -> float:
    """About how long worker processes take to start, if they have to import so many modules. Pure.

    >>> start_seconds(0), start_seconds(750)
    (0.05, 0.35)
    """
    return _START + modules * _IMPORT


def import_count(measured: Measured) -> int:
    """From how many imports on processes do not pay for their start. Pure.

    >>> import_count(Measured(calls=4, elapsed=0.2, busy=0.2, gil=0.9, left=10, cores=2))
    500
    """
    return max(0, math.floor((measured.saved / _WORTH - _START) / _IMPORT) + 1)


def in_words(seconds: float) -> str:
    """A duration for people.

    >>> in_words(0.041), in_words(3e-6), in_words(2.5e-7)
    ('41 ms', '3 µs', '0.25 µs')
    """
    if seconds >= 1:
        return f"{seconds:.1f} s"
    if seconds >= 0.001:
        return f"{seconds * 1000:.0f} ms"
    if seconds >= 0.000001:
        return f"{seconds * 1_000_000:.0f} µs"
    return f"{seconds * 1_000_000:.2g} µs"
