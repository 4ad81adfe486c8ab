"""The stand-in for ``sys.stdout`` while a map runs on threads: a print that is under way outlives it, and so on."""

from __future__ import annotations

import copy
import io
import subprocess
import sys
import weakref
from contextlib import redirect_stdout
from textwrap import dedent

import pytest

import plait
from plait._engines.line_output import WholeLines

pytestmark = pytest.mark.usefixtures("nothing_left")


def program(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import plait, sys, threading\n" + dedent(text)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_map_may_end_within_a_print(stream: str) -> None:
    done = program(
        f"""
        class Rest:
            def __init__(self, stream): self.stream = stream
            def __str__(self): return ", ".join(map(str, self.stream))
        values = plait.map(abs, range(5), engine="thread")
        print(next(values), Rest(values), "end", file=sys.{stream})
        """
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "0 1, 2, 3, 4 end\n")


@pytest.mark.parametrize("function", ["abs", "nothing"])
def test_one_thread_prints_while_another_maps(function: str) -> None:
    done = program(
        f"""
        async def nothing(x): return x
        sys.setswitchinterval(1e-4)  # else each print waits for its turn, again and again
        stop = False
        def work():
            while not stop:
                list(plait.map({function}, range(3), workers=1))
        thread = threading.Thread(target=work)
        thread.start()
        for i in range(1000): print("line", i, "of", 1000, "and", "some", "more", "words")
        stop = True
        thread.join()
        """
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.splitlines()[-1] == "line 999 of 1000 and some more words"
    assert len(done.stdout.splitlines()) == 1000


def test_one_stream_has_one_stand_in() -> None:
    with redirect_stdout(io.StringIO()):
        first, second = WholeLines(), WholeLines()
        stand_in = sys.stdout
        first.end()
        assert sys.stdout is stand_in
        second.end()
        assert sys.stdout is not stand_in
        third = WholeLines()
        assert sys.stdout is stand_in
        third.end()


def test_streams_that_come_and_go_are_not_kept_for_ever() -> None:
    seen = []
    for _ in range(100):
        target = io.StringIO()
        seen.append(weakref.ref(target))
        with redirect_stdout(target):
            list(plait.map(abs, [1], engine="thread", workers=1))
        del target
    assert sum(ref() is not None for ref in seen) < 10


def test_it_does_what_the_stream_does() -> None:
    def use(_: int) -> None:
        output = sys.stdout
        output.tag = "mine"  # type: ignore[attr-defined]
        assert output.tag == "mine"  # type: ignore[attr-defined]
        assert weakref.ref(output)() is output
        assert copy.copy(output).getvalue() == target.getvalue()  # type: ignore[attr-defined]
        output.writelines(["a", "b\n"])

    class Stream(io.StringIO):
        def __copy__(self) -> io.StringIO:
            return io.StringIO(self.getvalue())

    target = Stream()
    with redirect_stdout(target):
        list(plait.map(use, range(2), engine="thread", workers=1))
    assert target.getvalue() == "ab\nab\n"
    assert target.__dict__["tag"] == "mine"


def test_a_function_that_closes_it_closes_the_stream() -> None:
    def close(_: int) -> None:
        with sys.stdout:
            print("last")
        assert sys.stdout.closed

    with redirect_stdout(io.StringIO()) as target:
        list(plait.map(close, [1], engine="thread", workers=1))
    assert target.closed
