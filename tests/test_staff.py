"""The workers of one run, seen from its driver: who is woken when the system gives a descriptor to somebody else, and
what is said when it has nothing to give."""

from __future__ import annotations

import contextvars
import os
import select
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import plait
from plait._core.feed import Feed
from plait._core.job import Job
from plait._engines import wire
from plait._engines.forwarding import next_setting
from plait._engines.remote_worker import RemoteWorker
from plait._engines.staff import Staff
from plait.errors import PlaitError

pytestmark = pytest.mark.skipif(not hasattr(select, "poll"), reason="drives pipes")


class Pipe:
    """Both ends of a pipe."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def fileno(self) -> int:
        return self.reading

    def ring(self) -> None:
        os.write(self.writing, b"!")

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


class Worker(SimpleNamespace):
    """One that has received its setting and writes what it has to send at once."""

    def flush(self) -> bool:
        self.outbox.clear()
        return False


@pytest.fixture
def staff() -> Iterator[tuple[Staff, Worker]]:
    with closing(Pipe()) as bell, closing(Pipe()) as link:
        job = Job(abs, Feed([1]), workers=1, timeout=None, context=contextvars.copy_context())
        setting = next_setting(job.arithmetic)
        worker = Worker(results=link.reading, commands=link.writing, outbox=deque(), key=1, setting=setting)
        launcher = SimpleNamespace(fileno=lambda: -1, bells=set(), dead=False)
        host = SimpleNamespace(kind="process", poll=select.poll, bell=lambda: bell)
        reserve = SimpleNamespace(host=host, prepare=lambda _: launcher, lease=lambda _: worker)
        found = Staff(cast("Any", reserve), job)
        found.begin(lends=False)
        found.enlist(preload=False)
        yield found, worker


def test_room_in_the_pipe_of_one_that_is_gone_is_not_taken_for_that_of_the_next(staff: tuple[Staff, Worker]) -> None:
    """A worker ends, and the next gets its descriptors, between a look and the treatment of what was seen."""
    crew, worker = staff
    crew.flush(worker.commands)
    worker.outbox.append(memoryview(b"the rest of a batch"))
    crew.expect_room(worker, full=True)
    assert (worker.commands, select.POLLOUT) in crew.listen(0)
    crew.flush(worker.commands)
    assert not worker.outbox
    assert crew.listen(0) == []
    crew.flush(worker.commands)


SCARCE = """
import resource, sys
import plait

def tried():
    try:
        return list(plait.map(abs, range(3), engine="process", workers=2)) == [0, 1, 2]
    except plait.errors.PlaitError as error:
        return str(error)

def main(kind, cure, limits):
    most = resource.getrlimit(kind)[1]
    found = set()
    for limit in limits:
        resource.setrlimit(kind, (limit, most))
        found.add(tried())
    resource.setrlimit(kind, (most, most))
    found.add(tried())
    refusals = found - {True}
    assert refusals and True in found, found
    assert all(each.startswith("no worker process could be started: ") and cure in each for each in refusals), found
    print("said")

if __name__ == "__main__":
    main(*{
        "files": (resource.RLIMIT_NOFILE, "ulimit -n", range(4, 40)),
        "sizes": (resource.RLIMIT_FSIZE, "ulimit -f", [0, 1 << 16]),
    }[sys.argv[1]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("what", ["files", "sizes"])
def test_whatever_is_scarce_is_said_with_its_cure(what: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCARCE)
    words = [sys.executable, str(tmp_path / "script.py"), what]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("said\n", "")


SCARCE_POOL = """
import logging, resource
import plait

logging.basicConfig(format="%(message)s")
with plait.Pool("process", workers=1) as pool:
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (10, most))
    error = pool.submit(abs, -1).exception()
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_pool_tells_a_scarcity_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCARCE_POOL)
    words = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    logged = done.stderr.removeprefix("the process engine of a pool failed: ").rstrip("\n")
    assert logged.startswith("no worker process could be started: ")
    assert "\n" not in logged
    assert done.stdout == f"the pool's process engine failed: {logged}; make a new pool\n"


SCARCE_LOOP = """
import resource
import plait
from plait.errors import PlaitError

async def double(n):
    return 2 * n

def mapped():
    return list(plait.map(double, [1]))

def submitted():
    with plait.scope() as s:
        return [s.submit(double, 1).result()]

few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
for run in (mapped, submitted):
    print(run())
    said = set()
    for limit in range(3, 12):
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
        try:
            run()
        except PlaitError as error:
            said.add(str(error))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    print(*said)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_what_is_scarce_for_an_event_loop_is_said_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCARCE_LOOP)
    words = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    scarce = "no event loop could be started: [Errno 24] Too many open files; allow this program more (ulimit -n), or close some"
    assert set(done.stderr.splitlines()) == {f"the async engine of a scope failed: {scarce}"}
    assert done.stdout.splitlines() == [
        "[2]",
        scarce,
        "[2]",
        f"the scope's async engine failed: {scarce}; make a new scope",
    ]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc")
@pytest.mark.parametrize("executable", ["/nowhere/python", ""])
def test_who_keeps_the_error_of_workers_that_cannot_start_keeps_no_descriptor(
    executable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    errors = []
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises((OSError, PlaitError)) as caught:
            list(plait.map(abs, [1], engine="process", workers=1))
        errors.append(caught)
    assert len(os.listdir("/proc/self/fd")) == before


def test_who_is_interrupted_while_treating_a_frame_finds_the_others() -> None:
    worker = RemoteWorker.__new__(RemoteWorker)
    sent = b"".join(wire.pack(wire.RESULT, key, b"payload") for key in range(4))
    chunks = iter([sent[:70], sent[70:]])  # in the midst of a frame
    worker._inbox, worker._big, worker._read = b"", None, lambda _: next(chunks, b"")  # type: ignore[method-assign]
    found = []
    while None not in found:
        for frame in worker.receive():
            found.append(frame and frame[3])
            break  # as when the input is pulled for the next batch, and Ctrl-C comes in there
    assert found == [0, 1, 2, 3, None]
