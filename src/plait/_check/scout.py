"""A second process that searches the same program: how the first one asks for it, what it says, how it ends.

    command    forks the search; when that asks for it, forks the scout; ends and waits for both
    search     reads `reports` between two executions; does again itself what the scout has found
    scout      performs other schedules; ends before it does what others could notice (see `apart`)

*Promises*: nothing is told because a scout says so: the search performs the same switches, and what does not come true
there is forgotten with all that the scout has counted. The scout ends with the search, whatever happens to it, since
the kernel kills it when nobody holds the other end of `bond`; and the search in that way with the command.
"""

from __future__ import annotations

import faulthandler
import marshal
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

from plait._check.apart import stay_apart
from plait._check.pulse import Pulse
from plait._check.verdict import Tally
from plait._core.budget import available_cores
from plait._core.event import Site
from plait._core.lifeline import tie
from plait._engines.facts import private_bytes_of_linux
from plait._schedulers.hinted import Turns

SEED = 1  # of the scout's schedules; those of the search, which nobody has given a seed, are from seed 0
_AFTER = 0.3  # seconds of searching without a finding
_EVERY = 0.05  # seconds between two reports
_LENGTH = 4  # bytes that say how long a report is
_PART = 1 << 16  # bytes that are read at a time
_STANDARD = (0, 1, 2)

_exit = os._exit  # the real one, whatever stands in for it later


class Discovery(NamedTuple):
    """An execution of the scout that failed, or in which an update was lost at these sites."""

    turns: Turns
    sites: tuple[Site | None, ...]


class Link:
    """What there is between the processes, made before the first fork.

    Attributes:
        pulse: of the scout: which execution it has begun, and whether it ended of its own accord.
    """

    def __init__(self) -> None:
        self.pulse = Pulse()
        self._reports, self._report = os.pipe()
        self._bond, self._bound = os.pipe()

    def searching(self, ask: Callable[[], object]) -> Scout:
        """For the search; `ask` has the command fork a scout."""
        os.close(self._report)
        os.close(self._bond)
        os.set_blocking(self._reports, False)
        return Scout(self._reports, self._bound, self.pulse, ask)

    def scouting(self, search: int) -> Scouting:
        """For the scout of this search: from now on it has nothing of the command's, and touches nothing of others'."""
        nothing = os.open(os.devnull, os.O_RDWR)
        kept = (self._report, self._bond)
        for fd in _STANDARD:
            if fd not in kept:
                os.dup2(nothing, fd)
        for name in os.listdir("/proc/self/fd"):
            if int(name) not in (*_STANDARD, *kept):
                with suppress(OSError):  # that of the folder itself
                    os.close(int(name))
        tie(self._bond, os.getpid())
        faulthandler.disable()  # the search says it again
        sys.dont_write_bytecode = True
        end = Scouting(self._report, self.pulse, search)
        stay_apart(end.leave)
        return end

    def close_for_search(self) -> None:
        """For the command, when there is a search."""
        os.close(self._reports)
        os.close(self._bound)

    def close_for_scout(self) -> None:
        """For the command, when there is a scout, or never will be."""
        os.close(self._report)
        os.close(self._bond)


class Scout:
    """The scout as the search sees it.

    Attributes:
        tally: what it has counted.
        pulse: which execution it has begun, and whether it ended of its own accord.
        asked: whether it was asked for.
    """

    def __init__(self, reports: int, bound: int, pulse: Pulse, ask: Callable[[], object]) -> None:
        self.tally = Tally()
        self.pulse = pulse
        self._reports, self._bound = reports, bound
        self._ask = ask
        self._due: float | None = None
        self.asked = self._over = False
        self._read = bytearray()

    @property
    def died(self) -> bool:
        """Whether it is gone without having said why; everything it did say has been read."""
        return self._over and self.pulse.said is None

    def discoveries(self) -> Iterator[Discovery]:
        """What it has found since the last time; asks for it when the search has gone on for long enough."""
        if not self.asked:
            now = monotonic()
            self._due = self._due or now + _AFTER
            if now >= self._due:
                self._begin()
        elif not self._over:
            self._receive()
            yield from self._discovered()

    def discredit(self) -> None:
        """What it has found did not come true: it sees another program, and nothing of it counts."""
        self.tally = Tally()
        self._over = True
        self.end()

    def end(self) -> None:
        """There is no scout any more, nor will there be one."""
        if self.asked and not self._over:
            self._receive()
            for _ in self._discovered():
                pass  # too late
        self.asked = self._over = True
        if self._bound >= 0:
            for fd in (self._bound, self._reports):
                with suppress(OSError):  # a program may close all that there is
                    os.close(fd)
            self._bound = -1
        self.pulse.end(0)

    def _begin(self) -> None:
        self.asked = True
        if available_cores(private_bytes_of_linux(os.getpid())).count > 1:
            with suppress(OSError):  # closed by the program, as what is read next: there will be no scout
                self._ask()
        else:
            self._over = True
            self.pulse.end(0)

    def _receive(self) -> None:
        try:
            while part := os.read(self._reports, _PART):
                self._read += part
            self._over = True
        except BlockingIOError:
            pass  # that was all, for now
        except OSError:  # the program has closed it
            self._over = True
            self.pulse.end(0)

    def _discovered(self) -> Iterator[Discovery]:
        read = self._read
        while len(read) >= _LENGTH and len(read) >= (end := _LENGTH + int.from_bytes(read[:_LENGTH], "little")):
            counted, found = marshal.loads(read[_LENGTH:end])
            del read[:end]
            self.tally.add_all(counted)
            if found is not None:
                turns, sites = found
                yield Discovery(turns, tuple(None if site is None else Site(*site) for site in sites))


class Scouting:
    """The scout's own end.

    Attributes:
        pulse: which execution it has begun.
        search: the process of the search.
        tally: what was counted since the last report.
    """

    def __init__(self, report: int, pulse: Pulse, search: int) -> None:
        self.pulse = pulse
        self.search = search
        self.tally = Tally()
        self._report = report
        self._next = 0.0

    def tell(self) -> None:
        """What was counted since the last report, now and then."""
        now = monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self._write(None)

    def discover(self, turns: Turns, sites: Sequence[Site | None]) -> None:
        """This was found."""
        plain = [None if site is None else tuple(site) for site in sites]
        self._write((list(turns), plain))

    def finish(self) -> None:
        """Nothing more will be found."""
        self._write(None)
        self.leave()

    def leave(self) -> None:
        """Ends the scout at once, as somebody who had nothing to say."""
        self.pulse.end(0)
        _exit(0)

    def _write(self, found: tuple[list[Any], list[Any]] | None) -> None:
        said: Any = self.tally.all(), found  # which marshal knows, whatever its types say
        data = marshal.dumps(said)
        self.tally = Tally()
        rest = memoryview(len(data).to_bytes(_LENGTH, "little") + data)
        while rest:
            rest = rest[os.write(self._report, rest) :]
