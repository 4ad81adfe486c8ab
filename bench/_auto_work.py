"""Functions of every kind, as people map them, with items for each: the test set of `auto` and `advise`.

None of them depends on shared memory unless it says so: STATEFUL are those that must not be moved.
"""

from __future__ import annotations

import bz2
import collections
import csv
import decimal
import difflib
import fractions
import functools
import hashlib
import html
import io
import itertools
import json
import lzma
import math
import os
import pickle
import random
import re
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import textwrap
import time
import urllib.parse
import zlib
from typing import Any

DATA = bytes(range(256)) * 4096
TEXT = "the quick brown fox jumps over the lazy dog and 42 other things; " * 60
WORDS = tuple(TEXT.split())
PACKED = zlib.compress(DATA, 6)
ENCODED = json.dumps({"id": 7, "tags": WORDS[:40], "nested": [{"x": n, "y": str(n)} for n in range(60)]})
RECORDS: list[int] = []
TOTALS: dict[int, int] = {}


def sums_squares(n: int) -> int:
    total = 0
    for x in range(n):
        total += x * x
    return total


def counts_primes(n: int) -> int:
    return sum(all(x % d for d in range(2, math.isqrt(x) + 1)) for x in range(2, n))


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def collatz(n: int) -> int:
    longest = 0
    for start in range(1, n):
        steps, x = 0, start
        while x > 1:
            x = x // 2 if x % 2 == 0 else 3 * x + 1
            steps += 1
        longest = max(longest, steps)
    return longest


def draws_pi(n: int) -> float:
    return 4 * sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(n)) / n


def mandelbrot(row: int) -> int:
    inside = 0
    for column in range(120):
        c, z = complex(column / 60 - 1.5, row / 60 - 1), 0j
        for _ in range(50):
            z = z * z + c
            if abs(z) > 2:
                break
        else:
            inside += 1
    return inside


def parses_json(_: int) -> int:
    return sum(len(json.loads(ENCODED)) for _ in range(20))


def writes_json(_: int) -> int:
    return sum(len(json.dumps(_record())) for _ in range(15))


@functools.cache
def _record() -> dict[str, Any]:
    return dict(json.loads(ENCODED))


def finds_words(_: int) -> int:
    return len(re.findall(r"\b[a-z]+o[a-z]*\b", TEXT * 4))


def sorts(seed: int) -> int:
    draw = random.Random(seed)
    return int(20_000 * sorted(draw.random() for _ in range(20_000))[10_000])


def reads_csv(_: int) -> int:
    return sum(len(row) for row in csv.reader(io.StringIO("a,b,c,d\n" * 3000)))


def divides_decimals(_: int) -> str:
    return str(sum(decimal.Decimal(1) / n for n in range(1, 4000)))


def adds_fractions(_: int) -> int:
    return sum((fractions.Fraction(1, n) for n in range(1, 120)), fractions.Fraction(0)).numerator % 97


def compares_texts(_: int) -> float:
    return difflib.SequenceMatcher(None, TEXT[:400], TEXT[7:407]).ratio()


def counts_words(_: int) -> int:
    return collections.Counter(WORDS * 20).most_common(1)[0][1]


def wraps(_: int) -> int:
    return len(textwrap.wrap(TEXT, 60))


def quotes(_: int) -> int:
    return sum(len(urllib.parse.quote(html.escape(TEXT))) for _ in range(6))


def permutes(n: int) -> int:
    return sum(order[0] < order[-1] for order in itertools.permutations(range(n)))


def big_powers(n: int) -> int:
    return pow(3, n) % 1_000_003


def medians(seed: int) -> float:
    draw = random.Random(seed)
    return statistics.median(draw.gauss(0, 1) for _ in range(3000))


def adds_one(x: int) -> int:
    return x + 1


def formats(x: int) -> str:
    return f"{x:>10}"


def absolute(x: int) -> int:
    return abs(x)


def small_loop(x: int) -> int:
    return sum(range(x % 50 + 400))


def hashes(_: int) -> str:
    return hashlib.sha256(DATA).hexdigest()


def stretches_a_password(n: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", n)


def compresses(_: int) -> int:
    return len(zlib.compress(DATA, 6))


def decompresses(_: int) -> int:
    return len(zlib.decompress(PACKED))


def compresses_well(_: int) -> int:
    return len(bz2.compress(DATA[:100_000]))


def compresses_best(_: int) -> int:
    return len(lzma.compress(DATA[:50_000], preset=1))


def asks_sqlite(_: int) -> int:
    connection = sqlite3.connect(":memory:")
    try:
        query = "with recursive c(x) as (select 1 union all select x+1 from c where x < 20000) select sum(x) from c"
        return int(connection.execute(query).fetchone()[0])
    finally:
        connection.close()


def half_and_half(n: int) -> str:
    sums_squares(n)
    return hashlib.sha256(DATA).hexdigest()


def a_little_python(n: int) -> str:
    sums_squares(n)
    return hashlib.sha256(DATA + DATA).hexdigest()


def sleeps(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def sleeps_then_computes(n: int) -> int:
    time.sleep(0.01)
    return sums_squares(n)


def sleeps_as_long_as_it_computes(n: int) -> int:
    time.sleep(0.002)
    return sums_squares(n)


def talks(_: int) -> int:
    left, right = socket.socketpair()
    with left, right:
        right.settimeout(0.005)
        left.sendall(b"x")
        right.recv(1)
        try:
            return len(right.recv(1))
        except TimeoutError:
            return 0


def runs_a_command(_: int) -> int:
    return subprocess.run(["/bin/true"], check=True).returncode


def writes_a_file(_: int) -> int:
    with tempfile.TemporaryFile() as file:
        file.write(DATA)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def stats_files(_: int) -> int:
    return sum(entry.stat().st_size for entry in os.scandir("/usr/lib") for _ in range(3))


def makes_a_list(n: int) -> list[int]:
    return [n] * 200_000


def makes_bytes(n: int) -> bytes:
    return bytes([n % 256]) * (4 << 20)


def length_of(data: bytes) -> int:
    return len(data) + data[0]


def sums_a_list(numbers: list[int]) -> int:
    return sum(numbers)


def hashes_its_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def copies_records(rows: list[dict[str, Any]]) -> int:
    return len(pickle.dumps(rows))


def remembers(n: int) -> int:
    RECORDS.append(n)
    return sums_squares(10_000)


def adds_up(n: int) -> int:
    TOTALS[n % 3] = TOTALS.get(n % 3, 0) + 1
    return sums_squares(10_000)


class Tally:
    """Counts in its class."""

    count = 0

    def __init__(self, n: int) -> None:
        type(self).count += 1
        self.total = sums_squares(10_000)


def makes_a_tally(n: int) -> int:
    return Tally(n).total


def marks(row: dict[str, int]) -> int:
    row["done"] = 1
    return sums_squares(10_000)


def state_is_right(fn: Any, items: list[Any]) -> bool:
    """Whether what a stateful function does to shared memory has happened, once for each item; forgets it then."""
    if fn is remembers:
        right = sorted(RECORDS) == sorted(items)
        RECORDS.clear()
    elif fn is adds_up:
        right = sum(TOTALS.values()) == len(items)
        TOTALS.clear()
    elif fn is makes_a_tally:
        right = Tally.count == len(items)
        Tally.count = 0
    else:
        right = all(row.pop("done", 0) == 1 for row in items)
    return right
