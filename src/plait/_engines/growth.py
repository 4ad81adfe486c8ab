"""Growth: how many threads a run has, and why it has no more. Pure: no threads, no clocks."""

from __future__ import annotations

from typing import NamedTuple

_WAITING = 0.25  # threads that use less of a core than this mostly wait
_SPARE = 0.4  # of a core must be idle before another thread can be of use
_COMPUTING = 0.7  # cores that threads use, from which on it is tried whether fewer do as much,
_SATURATED = 0.9  # or this many where items take long, because then that takes long, too
_ALONE = 0.5  # of a core: one thread that uses less waits, or has just begun
_BRIEF = 0.005  # seconds: items that take no longer are soon compared
_ITEMS = 16  # must have ended, and two for each thread, before it is known how many end in a second,
_FEW_ITEMS = 4  # or these where they take long
_LONG = 0.05  # seconds
_AS_GOOD = 0.9  # of what more threads did: fewer are enough
_HOPELESS = 0.6  # of it: fewer are too few, which is known
_SOON = 0.002  # after these seconds
_REST = 0.1  # seconds for those that are to rest to come to it: who takes longer waits for something else than the GIL
_HOPED_FOR = 8  # and so many items that should have ended
_SWITCHES = 3  # times that threads gave up their core for each item: with fewer they do not wake each other in vain
_LATELY = 0.5  # seconds
_PAUSE = 0.25  # seconds until it is tried again, and each time twice as long, up to
_LONGEST_PAUSE = 10.0
_PAUSE_SHARE = 50  # times as long as it took to try, at least


class Look(NamedTuple):
    """What a driver sees of its threads.

    Attributes:
        now: the moment, in seconds.
        threads: how many run items, or would.
        running: how many have items, those that are to rest included.
        backlog: how many batches of items wait for a free thread.
        done: how many items have ended until now.
        done_at: when the last of them did.
        late: how late the driver's own wake-up was: if so, it waited for the GIL, of which the threads use all.
        spent: seconds on a core of all threads until now; None where nobody can tell.
        busy: how many cores they kept busy since the last look, or would have, had others not had them; None likewise.
        switches: how often threads of this process gave up their core until now; None where nobody can tell.
        stuck: whether every thread runs an item that takes far longer than usual.
    """

    now: float
    threads: int
    running: int
    backlog: int
    done: int
    done_at: float
    late: float = 0.0
    spent: float | None = None
    busy: float | None = None
    switches: int | None = None
    stuck: bool = False


class Trial(NamedTuple):
    """So many threads did so many items a second: do fewer do as much?

    `started` is when the others were told to rest, `since` the look at which they did.
    """

    threads: int
    rate: float
    started: float
    since: Look | None = None


class Growth:
    """Adds threads while items wait, nobody waits for the GIL and cores are idle, and takes out those that do not help.

    It doubles them, or makes four out of one when they mostly wait. Those that compute do not get beyond the number of
    cores before it has been tried whether fewer do as much: threads that let the GIL go for moments at a time, as those
    do that open, read and list files, wake each other so often that two of them can do less than one.

    Attributes:
        ceiling: how many there may be.
        reason: why there are no more.
        eager: whether it wants to look again soon.

    >>> growth = Growth(ceiling=32, cores=2, late_limit=0.002)
    >>> growth.change(Look(now=0.1, threads=1, running=1, backlog=100, done=0, done_at=0.0, busy=0.1))
    3
    >>> growth.change(Look(now=0.2, threads=4, running=1, backlog=100, done=0, done_at=0.0, late=0.005, busy=1.0))
    0
    >>> growth.reason
    'the GIL was busy, more threads would only have waited for it'
    """

    __slots__ = (
        "_cores", "_enough", "_late_limit", "_needed", "_next", "_pause", "_since", "_trial", "_waited", "ceiling",
        "eager", "reason",
    )  # fmt: skip

    def __init__(self, ceiling: int, cores: int, late_limit: float) -> None:
        self.ceiling = ceiling
        self.reason = ""
        self.eager = True
        self._cores = cores
        self._late_limit = late_limit
        self._since: Look | None = None  # a look with as many threads as there are, not too long ago
        self._trial: Trial | None = None
        self._next = 0.0  # when it is tried again whether there are too many, or too few
        self._pause = _PAUSE
        self._needed = 1  # threads that are known to do more than fewer
        self._enough = 0  # threads that did as much as more of them
        self._waited = True  # whether one thread alone mostly waited

    def change(self, look: Look) -> int:
        """How many threads to add now, or, if negative, how many are too many."""
        if self._trial is not None:
            return self._judge(look, self._trial)
        if self._since is None or self._since.threads != look.threads:
            self._since = look
        if look.stuck:  # what keeps the GIL or the cores busy may never end, and the others have not had a turn
            return self._add(look, 1)
        rate = _rate(self._since, look)
        if rate and self._doubts(look, self._since, rate):
            fewer = self._cores if look.threads > self._cores else 1
            self._trial = Trial(look.threads, rate, look.now)
            self.eager = True
            return fewer - look.threads
        change = self._more(look, self._since)
        if rate and look.now - self._since.now > _LATELY:
            self._since = look
        return change

    def _more(self, look: Look, since: Look) -> int:
        threads, busy = look.threads, look.busy
        self.eager = False
        if threads >= self.ceiling or look.backlog <= 0:
            return 0
        if look.late >= self._late_limit:
            self.reason = "the GIL was busy, more threads would only have waited for it"
            return 0
        if busy is not None and busy > self._cores - _SPARE:
            self.reason = f"{self._cores} cores were busy"
            return 0
        waits = busy is not None and busy < _WAITING * threads
        if threads == 1:  # of many nobody knows: those that wait for the GIL seem to wait, too
            self._waited = busy is not None and busy < _ALONE
        computes = busy is None or busy >= _COMPUTING
        if self._enough == threads and computes and look.now < self._next:
            return 0
        self.reason, self.eager = "", True
        if computes and busy is not None and self._cores <= threads and self._needed < threads:
            elapsed = look.now - since.now
            if elapsed < _BRIEF or threads * elapsed <= _BRIEF * (look.done - since.done):
                return 0  # it is about to be tried
        return self._add(look, threads * (3 if waits and self._waited else 1))

    def _add(self, look: Look, count: int) -> int:
        return max(0, min(max(1, count), self.ceiling - look.threads, look.backlog))

    def _doubts(self, look: Look, since: Look, rate: float) -> bool:
        """Whether to try if fewer threads do as much."""
        if look.threads == 1 or (look.now < self._next and look.threads <= self._needed):
            return False
        if look.spent is None or since.spent is None:
            return True
        spent, elapsed = look.spent - since.spent, look.now - since.now
        long = look.threads > rate * _BRIEF
        if (long or look.threads > self._cores) and look.switches is not None and since.switches is not None:
            if look.switches - since.switches < _SWITCHES * (look.done - since.done):
                return False
        return spent >= (_SATURATED if long and look.threads > self._cores else _COMPUTING) * elapsed

    def _judge(self, look: Look, trial: Trial) -> int:
        """Whether as much was done by fewer."""
        back = trial.threads - look.threads
        if look.stuck:
            return self._end(look, trial, back)
        if trial.since is None:
            if look.running <= look.threads:
                self._trial = trial._replace(since=look)
            elif look.now - trial.started > _REST:
                return self._end(look, trial, back)
            return 0
        elapsed, done = look.now - trial.since.now, look.done - trial.since.done
        expected = elapsed * trial.rate
        if elapsed >= _SOON and expected >= _HOPED_FOR and done < _HOPELESS * expected:
            return self._end(look, trial, back)
        rate = _rate(trial.since, look)
        if not rate:
            return 0
        if rate < _AS_GOOD * trial.rate:
            return self._end(look, trial, back)
        self._enough, self._needed = look.threads, min(self._needed, look.threads)
        self.reason = f"{trial.threads} did no more than {look.threads}"
        return self._end(look, trial, 0)

    def _end(self, look: Look, trial: Trial, back: int) -> int:
        self._trial = None
        if back:
            self._needed, self._enough = max(self._needed, trial.threads), 0
        self._next = look.now + max(self._pause, _PAUSE_SHARE * (look.now - trial.started))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return max(0, back)


def _rate(since: Look, look: Look) -> float:
    """Items a second from one look to another; 0.0 as long as too few have ended."""
    elapsed, done = look.done_at - since.done_at, look.done - since.done
    if elapsed < _BRIEF or done < max(_ITEMS if elapsed < _LONG else _FEW_ITEMS, 2 * look.threads):
        return 0.0
    return done / elapsed


def late_limit(switch_interval: float) -> float:
    """How late a wake-up must be to mean that the GIL is saturated: well below the interval at which it is forced over.

    >>> late_limit(0.005), late_limit(0.0005)
    (0.002, 0.0002)
    """
    return min(0.002, 0.4 * switch_interval)
