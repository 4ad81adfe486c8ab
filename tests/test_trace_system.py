"""What a trace says of what the system did: CPU quotas, pages of memory, waits for a disk."""

from __future__ import annotations

import mmap
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import plait
from plait._core.cpu_periods import Periods, cpu_periods
from plait._core.trace import Lane, State, Trace
from plait._engines.allocator import limits
from plait._see.forecast import forecast
from plait._see.summary.summarise import summarise
from plait._see.system import Use, tell_system

SECOND = 1_000_000
NOTHING = Use({})


def of_a_second(threads: int = 2) -> Trace:
    """Threads that compute by turns."""
    trace = Trace("app.py", 0.0, SECOND)
    for at in range(threads):
        lane = Lane(f"t{at}", "thread", 1, at + 1, cpu=1 / threads, queued=0.0, native=0.0)
        lane.add(0, State.PYTHON)
        lane.add(SECOND // threads, State.GIL)
        trace.lanes.append(lane)
    return trace


def told(after: Use, before: Use = NOTHING, processes: int = 0) -> list[str]:
    return [text for _, text in tell_system(of_a_second(), before, after, processes)]


def quota(tmp_path: Path, text: str, version: int) -> str:
    """A root in which the own group has this ``cpu.stat``."""
    folder = tmp_path / "sys" / "cg" / "job"
    folder.mkdir(parents=True)
    (folder / "cpu.stat").write_text(text)
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/job\n" if version == 2 else "3:cpu,cpuacct:/job\n")
    kind = "cgroup2 cgroup2 rw" if version == 2 else "cgroup cgroup rw,cpu,cpuacct"
    (tmp_path / "proc" / "self" / "mountinfo").write_text(f"30 1 0:26 / /sys/cg rw - {kind}\n")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("usage_usec 5\nnr_periods 40\nnr_throttled 30\nthrottled_usec 2500000\n", 2),
        ("nr_periods 40\nnr_throttled 30\nthrottled_time 2500000000\n", 1),
    ],
)
def test_how_often_a_quota_was_used_up_is_read(text: str, version: int, tmp_path: Path) -> None:
    assert list(cpu_periods(quota(tmp_path, text, version)).values()) == [Periods(40, 30, 2.5)]


def test_a_group_without_a_quota_has_no_periods(tmp_path: Path) -> None:
    assert cpu_periods(quota(tmp_path, "nr_periods 0\nnr_throttled 0\n", 2)) == {}


def test_a_quota_that_was_used_up_while_it_was_traced() -> None:
    before = Use({"own": Periods(100, 90, 9.0), "outer": Periods(50, 0, 0.0)})
    after = Use({"own": Periods(130, 105, 9.75), "outer": Periods(80, 1, 0.01)})
    (text,) = told(after, before)
    assert "used up in 15 of 30 periods" in text
    assert "for 0.75 s" in text
    assert told(before, before) == []
    assert told(Use({"own": Periods(130, 91, 9.01)}), before) == []


def test_a_forecast_has_no_more_than_the_quota() -> None:
    whole, part = (forecast(of_a_second(), frozenset(), frozenset(), cores) for cores in (2, 0.5))
    assert whole is not None
    assert part is not None
    assert (whole.then, part.then) == pytest.approx((0.5, 1.0))
    (words,) = (text for text in summarise(of_a_second(4), [], [], 1.5) if "for the GIL (" in text)
    assert "would take about 0.67 s instead of 1.00 s on 1.5 free cores" in words


def test_memory_that_is_taken_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    (text,) = told(Use({}, user=0.6, kernel=0.4, pages=200_100, peak=9_000))
    assert text.startswith("0.40 s, 40% of the time on cores, were the system's, which gave it 200,000 pages of memory")
    assert all(f"{name}={value}" in text for name, value in limits({}).items())
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    (text,) = told(Use({}, user=0.6, kernel=0.4, pages=200_100, peak=9_000))
    assert "(out=, +=)" in text
    assert "MALLOC" not in text


@pytest.mark.parametrize(
    ("after", "processes"),
    [
        (Use({}, user=0.6, kernel=0.4, pages=200_100, peak=150_000), 0),  # it grows
        (Use({}, user=0.6, kernel=0.4, pages=5_000), 0),  # the system did something else
        (Use({}, user=0.9, kernel=0.1, pages=200_100), 0),
        (Use({}, user=0.6, kernel=0.4, pages=200_100), 40),  # it began processes
        (NOTHING, 0),
    ],
)
def test_what_is_no_such_memory(after: Use, processes: int) -> None:
    assert told(after, processes=processes) == []


def test_pages_from_a_disk() -> None:
    (text,) = told(Use({}, from_disk=300))
    assert text.startswith("300 pages of memory had to be read from a disk")
    assert told(Use({}, from_disk=99)) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system does not tell")
def test_a_program_that_takes_memory_and_gives_it_back() -> None:
    with plait.trace() as trace:
        for _ in range(60):
            with mmap.mmap(-1, 4096 * 1000) as memory:
                with suppress(OSError):  # where there are no huge pages
                    memory.madvise(mmap.MADV_NOHUGEPAGE)
                memory[::4096] = bytes(1000)
    assert any("were the system's, which gave it" in text for text in trace.summary), trace.summary
