"""Functions of other kinds than those of _auto_work, with which nobody made the rules of `auto` and `advise`."""

from __future__ import annotations

import array
import ast
import base64
import copy
import datetime
import email
import functools
import hashlib
import io
import ipaddress
import os
import queue
import select
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tokenize
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

BLOB = bytes(range(256)) * 4096
XML = "<all>" + "<a b='1'><c>text</c></a>" * 800 + "</all>"
SOURCE = "\n".join(f"def f{n}(x):\n    return [y * {n} for y in range(x) if y % 3]" for n in range(60))
MAIL = (
    "From: a@example.org\nTo: b@example.org\nSubject: =?utf-8?q?caf=C3=A9?=\n"
    + "X-Note: yes\n" * 60
    + "\nhello\n" * 200
)
TREE = {str(n): {"numbers": list(range(8)), "name": ("a", n)} for n in range(60)}


def burns(n: int) -> int:
    return sum(x * x % 7 for x in range(n))


def parses_xml(_: int) -> int:
    return len(ET.fromstring(XML))


def reads_structs(_: int) -> int:
    return sum(number for number, _ in struct.iter_unpack("<ih", BLOB[:60_000]))


def encodes_base64(n: int) -> int:
    return len(base64.b64encode(BLOB)) + n


def zips(_: int) -> int:
    with zipfile.ZipFile(io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("blob", BLOB[:300_000])
        return archive.start_dir


def parses_mail(_: int) -> str:
    return str(email.message_from_string(MAIL)["subject"])


def compiles(_: int) -> int:
    return len(compile(SOURCE, "<bench>", "exec").co_consts)


def walks_a_syntax_tree(_: int) -> int:
    return sum(1 for _ in ast.walk(ast.parse(SOURCE)))


def tokenizes(_: int) -> int:
    return sum(1 for _ in tokenize.generate_tokens(io.StringIO(SOURCE).readline))


def sleeps_briefly(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def sleeps_long(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def computes_long(n: int) -> int:
    return burns(n)


def is_slow_now_and_then(n: int) -> int:
    return burns(200_000 if n % 40 == 39 else 500)


def waits_now_and_then(n: int) -> int:
    time.sleep(0.03 if n % 20 == 0 else 0)
    return burns(300)


def waits_for_an_event(seconds: float) -> bool:
    return threading.Event().wait(seconds)


def waits_for_a_queue(seconds: float) -> int:
    try:
        return int(queue.Queue().get(timeout=seconds))
    except queue.Empty:
        return 0


def selects(seconds: float) -> int:
    left, right = socket.socketpair()
    with left, right:
        return len(select.select([left], [], [], seconds)[0])


def deep_copies(_: int) -> int:
    return len(copy.deepcopy(TREE))


def parses_dates(_: int) -> int:
    return sum(datetime.datetime.strptime("2024-05-06 07:08", "%Y-%m-%d %H:%M").minute for _ in range(150))


def counts_addresses(n: int) -> int:
    return sum(ipaddress.ip_address(f"10.0.{n % 200}.{x % 200}").is_private for x in range(300))


def compares_letters(pair: tuple[str, str]) -> int:
    left, right = pair
    row = list(range(len(right) + 1))
    for y, letter in enumerate(left, 1):
        before, row[0] = row[0], y
        for x, other in enumerate(right, 1):
            before, row[x] = row[x], min(row[x] + 1, row[x - 1] + 1, before + (letter != other))
    return row[-1]


def makes_rows(n: int) -> list[dict[str, int]]:
    return [{"id": n, "square": x * x, "rest": x % 7} for x in range(2000)]


def sorts_a_list(numbers: list[float]) -> float:
    return sorted(numbers)[len(numbers) // 2]


def sums_an_array(numbers: array.array[float]) -> float:
    return sum(numbers)


def decodes(_: int) -> int:
    return len((BLOB[:128] * 8192).decode("ascii").upper())


def deflates_a_little(n: int) -> int:
    return len(zlib.compress(BLOB[n : n + 20_000], 1))


def hashes_a_little(n: int) -> str:
    return hashlib.md5(BLOB[n : n + 500]).hexdigest()


def hashes_in_parts(_: int) -> str:
    whole = hashlib.sha1()
    for start in range(0, 400_000, 8000):
        whole.update(BLOB[start : start + 8000])
    return whole.hexdigest()


def reads_a_file(_: int) -> int:
    with open(sys.executable, "rb") as file:
        return len(file.read(2 << 20))


def walks_folders(_: int) -> int:
    return sum(len(files) for _, _, files in os.walk(os.path.dirname(os.__file__) + "/email"))


def runs_python(_: int) -> int:
    return subprocess.run([sys.executable, "-S", "-E", "-c", "sum(range(100000))"], check=True).returncode


def writes_rows(n: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(f"{folder}/rows.db")
        try:
            with connection:
                connection.execute("create table rows(a, b)")
                connection.executemany("insert into rows values(?, ?)", [(n, x) for x in range(300)])
            return connection.total_changes
        finally:
            connection.close()


@functools.cache
def _dictionary() -> dict[int, int]:
    return {n: burns(200) + n for n in range(8000)}


def looks_up(n: int) -> int:
    words = _dictionary()
    return sum(words[(n * x) % 8000] for x in range(8000))


def _scales(factor: int) -> Callable[[int], int]:
    def scales(n: int) -> int:
        return factor * burns(n)

    return scales


scales = _scales(3)


def reads_words(n: int) -> int:
    return sum(map(len, ("a bc def " * (n % 50 + 1)).split()))


class Unsized:
    """Items whose number nobody knows, as those of a generator, which can be gone over again."""

    def __init__(self, *items: Any) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)


def computes_what_comes(n: int) -> int:
    return burns(n)


def sleeps_on_what_comes(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


try:
    import numpy
except ImportError:  # the newest Pythons may have none yet
    with_numpy: tuple[Callable[..., Any], ...] = ()
else:
    MATRIX = numpy.arange(90_000.0).reshape(300, 300) / 1e5
    MANY = numpy.sin(numpy.arange(200_000.0))

    def multiplies_matrices(n: int) -> float:
        return float((MATRIX @ (MATRIX + n))[1, 1])

    def sorts_numbers(n: int) -> float:
        return float(numpy.sort(MANY * (n + 1))[n])

    def loops_over_small_arrays(n: int) -> float:
        row = numpy.arange(20.0) + n
        for _ in range(300):
            row = row * 1.001 + 0.5
        return float(row.sum())

    def halves_an_array(numbers: Any) -> Any:
        return numbers * 0.5

    with_numpy = (multiplies_matrices, sorts_numbers, loops_over_small_arrays, halves_an_array)
