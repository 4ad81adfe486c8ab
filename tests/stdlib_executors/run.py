"""Runs test methods of one class of CPython's executor tests; prints one JSON object per test.

python -m stdlib_executors.run CLASS TEST...      and without arguments: every class and its tests, as one object
"""

from __future__ import annotations

import json
import sys
import unittest
from types import TracebackType

from stdlib_executors import loading


class Lines(unittest.TestResult):
    """Prints what becomes of each test as soon as it is known."""

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        say(test, "started", "")

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        say(test, "passed", "")

    def addError(self, test: unittest.TestCase, err: _ExcInfo) -> None:
        super().addError(test, err)
        say(test, "failed", self.errors[-1][1])

    def addFailure(self, test: unittest.TestCase, err: _ExcInfo) -> None:
        super().addFailure(test, err)
        say(test, "failed", self.failures[-1][1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        say(test, "skipped", reason)


_ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


def say(test: unittest.TestCase, what: str, text: str) -> None:
    name = getattr(test, "_testMethodName", str(test))
    print("\n" + json.dumps({"test": name, "outcome": what, "text": text}), flush=True)  # they print on lines of ours


def main(arguments: list[str]) -> None:
    classes = loading.test_classes()
    if not arguments:
        print(json.dumps({name: loading.test_names(cls) for name, cls in classes.items()}))
        return
    cls, *names = arguments
    unittest.TestSuite(classes[cls](name) for name in names).run(Lines())


if __name__ == "__main__":
    main(sys.argv[1:])
