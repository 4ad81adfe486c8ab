"""What CPython's tests of waiting have workers call, as it stands there, in a module that a worker imports in no time.

Those tests give one call 1.5 s to end before another; importing the tests themselves takes a busy machine that long.
"""

from __future__ import annotations

import time


def mul(x: int, y: int) -> int:
    return x * y


def sleep_and_raise(t: float) -> None:
    time.sleep(t)
    raise Exception("this is an exception")
