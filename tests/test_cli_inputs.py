"""Where items come from: lines, NUL-separated texts, JSON lines, patterns; whatever way the bytes arrive in."""

from __future__ import annotations

import os
import threading

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait._cli.inputs import _split, check_readable, count_items, names_matching, parsed, plain, read_items
from plait._cli.json_items import ReadableOnly, Unreadable
from plait._core.job import Job
from plait._run.arriving import Arrivals


def items_of(*files: object, separator: bytes = b"\n", convert=plain) -> list[object]:
    return [item for chunk in read_items([str(file) for file in files], separator, convert) for item in chunk]


@pytest.mark.parametrize(
    ("data", "items"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\nb\n", ["a", "b"]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"\n", [""]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"\xef\xbb\xbfa\nb", ["a", "b"]),
        ("ä\n€".encode(), ["ä", "€"]),
        (b"\xff\n", ["\udcff"]),
        (b"x" * 200_000 + b"\ny", ["x" * 200_000, "y"]),
    ],
)
def test_lines(tmp_path, data, items):
    file = tmp_path / "in"
    file.write_bytes(data)
    assert items_of(file) == items
    assert count_items([str(file)], b"\n") == len(items)


def test_nul_separated_texts_keep_their_newlines(tmp_path):
    file = tmp_path / "in"
    file.write_bytes(b"a\nb\0c\r\0")
    assert items_of(file, separator=b"\0") == ["a\nb", "c\r"]


def test_several_files_one_after_the_other(tmp_path):
    for name, text in (("a", "1\n2"), ("b", "3\n")):
        (tmp_path / name).write_text(text)
    assert items_of(tmp_path / "a", tmp_path / "b") == ["1", "2", "3"]


def test_json_lines(tmp_path):
    file = tmp_path / "in"
    file.write_text('{"a": 1}\n\n  \n[2]\nnot\n"x"\n')
    items = items_of(file, convert=parsed)
    assert items[:2] == [{"a": 1}, [2]]
    assert items[3] == "x"
    assert isinstance(items[2], Unreadable)
    with pytest.raises(ValueError, match="not JSON"):
        ReadableOnly(len)(items[2])
    assert ReadableOnly(len)("abc") == 3


def test_json_that_is_nested_too_deeply_fails_alone():
    (item,) = parsed(["[" * 100_000 + "]" * 100_000])
    assert isinstance(item, Unreadable)


@given(st.lists(st.binary(max_size=8)), st.sampled_from([b"\n", b"\0"]))
def test_how_the_bytes_arrive_makes_no_difference(blocks, separator):
    whole = b"".join(blocks)
    pieces = [text for texts in _split(iter([block for block in blocks if block]), separator) for text in texts]
    assert pieces == [text for texts in _split(iter([whole] if whole else []), separator) for text in texts]


def test_lines_arrive_before_the_pipe_ends(nothing_left):
    reader, writer = os.pipe()
    chunks = read_items([f"/dev/fd/{reader}"], b"\n", plain)
    os.write(writer, b"a\nb\nc")
    assert next(chunks) == ["a", "b"]
    os.write(writer, b"d\n")
    assert next(chunks) == ["cd"]
    os.close(writer)
    assert list(chunks) == []
    os.close(reader)


def test_patterns(tmp_path, monkeypatch):
    for name in ("b.txt", "a.txt", "deep/c.txt", "x[1].txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    assert names_matching(["?.txt"]) == ["a.txt", "b.txt"]
    assert names_matching(["**/c.txt", "x[1].txt"]) == ["deep/c.txt", "x[1].txt"]
    with pytest.raises(click.ClickException, match="no file matches"):
        names_matching(["*.jpg"])


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(click.ClickException, match="nowhere"):
        check_readable([str(tmp_path / "nowhere")])
    with pytest.raises(click.ClickException, match="folder"):
        check_readable([str(tmp_path)])


def test_what_cannot_be_counted_without_waiting(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert count_items([str(fifo)], b"\n") is None
    assert count_items(["-"], b"\n") is None
    check_readable([str(fifo)])


class Chunks:
    """Gives a chunk whenever it is told to."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)
        self.given = 0

    def __iter__(self):
        while True:
            self.asked.release()
            self.go.acquire()
            self.given += 1
            yield [self.given, -self.given]


def job_of(arrivals: Arrivals) -> tuple[Job, threading.Semaphore]:
    woken = threading.Semaphore(0)
    job = Job(str, arrivals.feed, workers=1, timeout=None, context=__import__("contextvars").Context())
    job.wake = woken.release
    arrivals.feed.serve(job)
    return job, woken


def end(arrivals: Arrivals, chunks: Chunks) -> None:
    arrivals.cut()
    chunks.go.release()
    arrivals.feed._thread.join()


def test_arrivals_wake_the_driver_and_never_make_it_wait(nothing_left):
    chunks = Chunks()
    arrivals = Arrivals(chunks)
    job, woken = job_of(arrivals)
    feed = job.feed
    feed.window = 3
    feed.fill(10)
    assert feed.take(10) is None
    assert not feed.ready
    assert not feed.finished
    chunks.go.release()
    woken.acquire()
    assert feed.ready
    assert feed.take(10).items == [1, -1]
    end(arrivals, chunks)


def test_arrivals_read_no_further_than_the_window(nothing_left):
    chunks = Chunks()
    arrivals = Arrivals(chunks)
    job, woken = job_of(arrivals)
    feed = job.feed
    feed.window = 4
    feed.fill(1)
    for _ in range(20):
        chunks.go.release()
    for _ in range(2):
        woken.acquire()
    assert chunks.given == 2
    assert feed.take(4).items == [1, -1, 2, -2]
    woken.acquire()
    assert feed.take(4) is None
    feed.settle(4)
    feed.deliver(4)
    assert feed.take(1).items == [3]
    end(arrivals, chunks)


def test_arrivals_open_no_more_than_allowed():
    arrivals = Arrivals([[1, 2, 3, 4]], most_open=2)
    job, woken = job_of(arrivals)
    feed = job.feed
    feed.window = 100
    feed.fill(1)
    woken.acquire()
    assert feed.take(100).items == [1, 2]
    assert feed.take(100) is None
    assert not feed.ready
    feed.settle(1)
    feed.deliver(1)
    assert feed.ready
    assert feed.take(100).items == [3]
    feed._thread.join()


def test_arrivals_that_are_cut_end_the_run():
    chunks = Chunks()
    arrivals = Arrivals(chunks)
    job, woken = job_of(arrivals)
    feed = job.feed
    feed.window = 1
    feed.fill(1)
    chunks.go.release()
    woken.acquire()
    batch = feed.take(1)
    end(arrivals, chunks)
    assert not feed.finished
    feed.settle(len(batch.items))
    assert feed.finished
    assert feed.take(1) is None


def test_an_error_of_the_input_comes_after_what_was_read():
    def broken():
        yield [1, 2]
        raise OSError("disk")

    arrivals = Arrivals(broken())
    job, _ = job_of(arrivals)
    feed = job.feed
    feed.window = 10
    feed.fill(1)
    feed._thread.join()
    assert feed.take(10).items == [1, 2]
    assert isinstance(feed.error, OSError)
    assert feed.over
