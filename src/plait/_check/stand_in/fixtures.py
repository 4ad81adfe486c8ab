"""What stands in for fixtures that pytest brings: the same for a test, and anew for each execution."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from plait._check.printed import Printed


@contextmanager
def folder() -> Iterator[Path]:
    """As `tmp_path`: an empty folder, which goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="plait-", ignore_cleanup_errors=True) as name:
        yield Path(name)


class Read(NamedTuple):
    """What was written to standard output and standard error."""

    out: str
    err: str


class Captured:
    """As `capsys`."""

    def __enter__(self) -> Captured:
        self._before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._out, self._err = Printed(), Printed()
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before

    def readouterr(self) -> Read:
        """What has been written since the last call."""
        out, err = self._out.getvalue(), self._err.getvalue()
        for stream in (self._out, self._err):
            stream.seek(0)
            stream.truncate()
        return Read(out, err)

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """What is written here goes where it went before."""
        inner = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._before
        try:
            yield
        finally:
            sys.stdout, sys.stderr = inner


def kept(request: Any, name: str) -> AbstractContextManager[object]:
    """As one that is the same for all tests: `request` has its value."""
    return nullcontext(request.getfixturevalue(name))


@contextmanager
def log(request: Any, name: str) -> Iterator[object]:
    """As `caplog`: the one that `request` has, empty at first."""
    captured = request.getfixturevalue(name)
    captured.clear()
    logging.root.addHandler(captured.handler)
    try:
        yield captured
    finally:
        captured._finalize()  # as pytest does: the levels that the test has set


def keep_clocks() -> None:
    """Keeps freezegun, which patches all modules, from stopping the clocks that check itself looks at."""
    settings: Any = sys.modules.get("freezegun.config")
    if settings is not None:
        settings.configure(extend_ignore_list=[__name__.partition(".")[0]])


@contextmanager
def unlogged() -> Iterator[None]:
    """What hundreds of executions log is in nobody's report; loggers have a handler as ever, which keeps nothing."""
    handlers = logging.root.handlers
    quiet = [logging.NullHandler() if type(one).__module__ == "_pytest.logging" else one for one in handlers]
    logging.root.handlers = quiet
    try:
        yield
    finally:
        logging.root.handlers = handlers
