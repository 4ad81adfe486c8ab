"""What the system did for a program and to it while it was traced: its CPU quota, and memory page by page."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from plait._core.cgroup import cpu_quota
from plait._core.cpu_periods import Periods, cpu_periods
from plait._core.how_many import how_many
from plait._core.trace import Finding, Trace
from plait._engines.allocator import limits

_USED_UP = 0.1  # of the periods, in which the quota was used up: what is less is not told
_PERIODS = 3
_KERNEL = 0.2  # of the time on cores
_FAULTS = 10_000  # pages in a second on a core, from which on they are what the system does most
_AGAIN = 0.5  # of the pages: those that the program had had before
_OF_A_THREAD, _OF_A_PROCESS = 50, 5_000  # pages, at the most, that one takes to begin
_FROM_DISK, _A_SECOND = 100, 20  # pages: in all, and in each second


class Use(NamedTuple):
    """What the system has counted of this process so far.

    Attributes:
        groups: how CPU quotas have bound, by the folder of the group.
        user, kernel: seconds on a core, in its own code and in the system's.
        pages, from_disk: pages of memory that it was given, without and with a wait for a disk.
        peak: the most pages that it has had.
    """

    groups: dict[str, Periods]
    user: float = 0.0
    kernel: float = 0.0
    pages: int = 0
    from_disk: int = 0
    peak: int = 0


def used() -> Use:
    """So far; nothing where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return Use({})
    from resource import RUSAGE_SELF, getpagesize, getrusage

    own = getrusage(RUSAGE_SELF)
    peak = own.ru_maxrss * 1024 // getpagesize()
    return Use(cpu_periods(), own.ru_utime, own.ru_stime, own.ru_minflt, own.ru_majflt, peak)


def memory_of(before: Use, after: Use) -> tuple[int, int]:
    """The bytes by which the peak of memory has risen, and the peak."""
    if not after.peak:
        return 0, 0
    from resource import getpagesize

    return (after.peak - before.peak) * getpagesize(), after.peak * getpagesize()


def tell_system(trace: Trace, before: Use, after: Use, processes: int) -> list[Finding]:
    """Sentences with the seconds that they are about; `processes` were seen beside this one."""
    found = [*_quota(before, after, cpu_quota()), *_from_disk(trace, before, after)]
    begun = len(trace.lanes) * _OF_A_THREAD + processes * _OF_A_PROCESS
    return found + _pages(before, after, begun)


def _quota(before: Use, after: Use, cores: float | None) -> list[Finding]:
    found = []
    for folder, now in after.groups.items():
        then = before.groups.get(folder, Periods(0, 0, 0.0))
        periods, used_up = now.all - then.all, now.used_up - then.used_up
        if periods >= _PERIODS and used_up >= _USED_UP * periods:
            found.append((now.seconds - then.seconds, used_up, periods))
    if not found:
        return []
    seconds, used_up, periods = max(found)
    of = f"the CPU quota of {cores:g} core{'' if cores == 1 else 's'}" if cores else "the CPU quota"
    text = (
        f"{of} that this program's container has was used up in {used_up} of {periods} periods, mostly of 0.1 s each, "
        f"and all that is in it stood still until the next one, for {seconds:.2f} s. Fewer threads and processes use "
        "it up less early; more work gets done with a larger one only (docker --cpus, resources.limits.cpu)"
    )
    return [(seconds, text)]


def _from_disk(trace: Trace, before: Use, after: Use) -> list[Finding]:
    pages = after.from_disk - before.from_disk
    if pages < max(_FROM_DISK, _A_SECOND * trace.seconds):
        return []
    text = (
        f"{how_many(pages, 'page')} of memory had to be read from a disk: files that are mapped into memory, or memory "
        "is short and the system has put some of it there (free -m, vmstat 1)"
    )
    return [(0.0, text)]


def _pages(before: Use, after: Use, begun: int) -> list[Finding]:
    kernel = taken_again(before, after, begun)
    if not kernel:
        return []
    on_core = kernel + after.user - before.user
    pages = after.pages - before.pages - begun
    text = (
        f"{kernel:.2f} s, {kernel / on_core:.0%} of the time on cores, were the system's, which gave it "
        f"{how_many(pages, 'page')} of memory: {cure_for_pages()}"
    )
    return [(kernel, text)]


def taken_again(before: Use, after: Use, begun: int = 0) -> float:
    """The seconds that the system worked, if that was for memory which it gave again and again; otherwise 0.

    `begun` are the pages that threads and processes took to begin.
    """
    kernel = after.kernel - before.kernel
    on_core = kernel + after.user - before.user
    pages = after.pages - before.pages - begun
    again = pages - (after.peak - before.peak)
    return 0.0 if kernel < _KERNEL * on_core or pages < _FAULTS * on_core or again < _AGAIN * pages else kernel


def cure_for_pages() -> str:
    """Why that is, and what to do; where the environment tells glibc something, whoever set it knows the rest."""
    text = "large objects take theirs from the system and give it back, each time. Write into arrays that are there "
    names = " ".join(f"{name}={value}" for name, value in limits(os.environ).items())
    keep = f", or have glibc keep it: {names} in the environment, as plait's worker processes have it" if names else ""
    return f"{text}(out=, +=){keep}"
