"""What the system tells of processes: what they have open, and who has started them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from plait._core.processes import descends, descriptors, has_end, link_of, links_of, parent, processes, text_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


def test_which_end_of_a_pipe_a_process_has(nothing_left: None) -> None:
    reads, writes = os.pipe()
    link = link_of("self", reads)
    assert link.startswith("pipe:[")
    assert link == link_of(os.getpid(), writes)
    assert link in links_of("self")
    assert has_end("self", link, writes=True)
    assert has_end("self", link, writes=False)
    os.close(writes)
    assert not has_end("self", link, writes=True)
    assert has_end("self", link, writes=False)
    os.close(reads)


def test_who_has_started_whom(nothing_left: None) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert parent(child.pid) == os.getpid()
        assert descends(child.pid, os.getpid())
        assert not descends(os.getpid(), child.pid)
        assert {child.pid, os.getpid()} <= {*processes()}
        child.communicate(b"\n")


def test_nothing_is_told_of_what_is_not_there() -> None:
    gone = 2**22 + 1  # more than there can be
    assert (text_of(f"/proc/{gone}/stat"), parent(gone), descriptors(gone), link_of(gone, 0)) == ("", 0, [], "")
    assert not descends(gone, os.getpid())
    assert not has_end(gone, "pipe:[1]", writes=True)
