"""Which functions may be run again without anybody noticing: those that reach nothing outside their own process."""

from __future__ import annotations

import collections
import datetime
import functools
import hashlib
import itertools
import json
import logging
import math
import os
import random
import re
import statistics
import string
import struct
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from hashlib import md5
from json import loads
from typing import Any
from urllib.parse import quote

import pytest

from plait._engines.reading.repeatable import is_repeatable

WORD = re.compile(r"\\w+")
SUB = WORD.sub
LIMIT = Decimal("1.5")
FIRST = date(2020, 1, 1)
PAIR = struct.Struct("<II")
SEEN: Counter[str] = Counter()
LOG = logging.getLogger(__name__)
NUMBERS = itertools.count()


def helper(x: int) -> int:
    return math.isqrt(x)


def says(x: int) -> int:
    print(x)
    return x


@functools.wraps(json.loads)
def loads_and_says(text: str) -> Any:
    says(1)
    return json.loads(text)


@functools.lru_cache
def cached(x: int) -> int:
    return says(x)


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: x + 1,
        lambda x: helper(x) + len(str(x)),
        lambda x: hashlib.sha256(x).hexdigest(),
        lambda x: md5(x).digest(),
        lambda x: json.loads(x)["key"],
        lambda x: loads(x, parse_float=Decimal),
        lambda x: re.sub("a", lambda found: found[0].upper(), x),
        lambda x: [*WORD.findall(x), SUB("", x)],
        lambda x: Counter(WORD.findall(x)).most_common(3),
        lambda x: collections.deque(x, maxlen=3),
        lambda x: statistics.median(x) * math.pi,
        lambda x: datetime.datetime.fromisoformat(x) - datetime.timedelta(days=1),
        lambda x: (FIRST - x).days > LIMIT,
        lambda x: quote(string.Template("$a").substitute(a=x)),
        lambda x: struct.unpack("<I", x) + PAIR.unpack(x),
        lambda x: random.Random(x).random() + random.random(),
        lambda x: functools.reduce(lambda a, b: a * b, itertools.chain(x, x)),
        functools.partial(hashlib.new, "md5"),
        json.dumps,
        WORD.match,
        math.sqrt,
        str.upper,
        Decimal,
    ],
)
def test_what_only_computes_is(fn: Callable[..., object]) -> None:
    assert is_repeatable(fn)


@pytest.mark.parametrize(
    "fn",
    [
        print,
        says,
        cached,
        loads_and_says,
        lambda x: loads_and_says(x),
        lambda x: cached(x),
        lambda x: json.dump(x, open("file", "w")),
        lambda x: json.dumps(x, default=says),
        lambda x: functools.reduce(says, x),
        lambda x: functools.partial(print, x)(),
        lambda x: os.remove(x),
        lambda x: sys.stdout.write(x),
        lambda x: LOG.info(x),
        lambda x: time.sleep(x),
        lambda x: subprocess.run(x),
        lambda x: urllib.request.urlopen(x),
        lambda x: next(NUMBERS) + x,
        lambda x: SEEN.update(x),
        lambda x: random._os.remove(x),
        lambda x: statistics.sys.exit(x),
        functools.partial(says, 1),
        sys.stdout.write,
        Counter().update,
    ],
)
def test_what_may_do_more_is_not(fn: Callable[..., object]) -> None:
    assert not is_repeatable(fn)
