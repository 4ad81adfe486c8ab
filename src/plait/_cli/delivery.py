"""Drives the map of ``plait map`` to its end: writes outcomes, halts when told to, and says how it went."""

from __future__ import annotations

import sys
from typing import Any

import click

from plait._cli.halt import Halt
from plait._cli.sink import Sink, Streams
from plait._core.errors import Cancelled, JournalError
from plait._core.how_many import how_many
from plait._core.interrupts import drives
from plait._core.notes import text_of
from plait._core.outcome import Outcome, brief
from plait._run.arriving import Arrivals
from plait._run.command import CommandFailed
from plait._run.progress import Meter
from plait._run.report import Report
from plait._run.stream import Stream

_MOST_FAILURES = 100  # as GNU parallel: 101 says more than 100
_SHOWN = 3


class HaltingMeter:
    """Passes progress on and halts the map. It sees a failure at once, also one whose turn in the output is far off."""

    def __init__(self, meter: Meter, halt: Halt | None, source: Arrivals, total: int | None) -> None:
        self._meter = meter
        self._halt = halt
        self._source = source
        self._total = total
        self.stream: Stream[Any] | None = None
        self.halted = False

    def start(self) -> None:
        """The map begins."""
        self._meter.start()

    def advance(self, done: int, failed: int) -> None:
        """Halt when it is time."""
        self._meter.advance(done, failed)
        if self._halt is None or self.halted or self.stream is None:
            return
        if self._halt.reached(done=done, failed=failed, total=self._total):
            self.halted = True
            self._source.cut()
            if self._halt.now:
                self.stream.cancel()

    def finish(self, report: Report) -> None:
        """The map has ended."""
        self._meter.finish(report)


class Delivery:
    """Writes the outcomes of one stream.

    Attributes:
        first_error: of an item, in the order of the output, or None.
    """

    def __init__(self, stream: Stream[Any], sink: Sink, streams: Streams) -> None:
        self._stream = stream
        self._sink = sink
        self._streams = streams
        self._stopped = 0
        self._first_failures: list[str] = []
        self.first_error: BaseException | None = None
        self._held_back: KeyboardInterrupt | None = None

    def run(self) -> None:
        """Write everything, as soon as it is there.

        Raises:
            KeyboardInterrupt, JournalError: after writing what had been computed.
            BrokenPipeError: nobody reads any more.
        """
        with self._stream:
            try:
                self._write_all()
            except (KeyboardInterrupt, JournalError):
                self._write_all()
                raise

    def hold_back(self, interrupt: KeyboardInterrupt) -> bool:
        """See `interrupts`."""
        if self._held_back is not None:
            return False
        self._held_back = interrupt
        self._stream.cancel()
        return True

    def summary(self, halt: Halt | None, halted: bool) -> str:
        """What went wrong, for people; empty when nothing did."""
        report = self._stream.report
        lines = []
        if halted and halt is not None:
            stopped = (
                f"; {how_many(self._stopped, 'started item was', 'started items were')} stopped"
                if self._stopped
                else ""
            )
            lines.append(f"plait: halted by --halt {halt.text} after {how_many(report.items, 'item')}{stopped}")
        if report.failed:
            lines.append(f"plait: {report.failed:,} of {how_many(report.items, 'item')} failed")
            lines += [f"  {line}" for line in self._first_failures]
            if report.failed > len(self._first_failures):
                lines.append(f"  and {report.failed - len(self._first_failures):,} more")
        return "\n".join(lines)

    def status(self, halt: Halt | None, halted: bool) -> int:
        """The exit status: how many items failed, 101 for more than 100; 0 when enough items succeeded to halt."""
        if halted and halt is not None and halt.what == "success":
            return 0
        return min(self._stream.report.failed, _MOST_FAILURES + 1)

    def _write_all(self) -> None:
        for group in self._stream.outcomes().groups():
            self._write_group(group)
            if self._held_back is not None:
                interrupt, self._held_back = self._held_back, None
                raise interrupt

    @drives
    def _write_group(self, group: list[Outcome[Any]]) -> None:
        """Write all of it: Ctrl-C waits until that is done."""
        for outcome in group:
            if isinstance(outcome.error, Cancelled):
                self._stopped += 1
                continue
            self._write(outcome)
            self.first_error = self.first_error or outcome.error
            if outcome.error is not None and len(self._first_failures) < _SHOWN:
                self._first_failures.append(_in_words(outcome, outcome.error))
        self._write(None)

    def _write(self, outcome: Outcome[Any] | None) -> None:
        """Write one outcome; None makes visible what was written."""
        try:
            if outcome is not None:
                self._sink.write(outcome)
            else:
                self._streams.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.ClickException(f"the results cannot be written: {error.strerror}") from error


def say(text: str) -> None:
    """To standard error, if there is one and there is something to say."""
    if text and sys.stderr is not None:
        print(text, file=sys.stderr)


def _in_words(outcome: Outcome[Any], error: BaseException) -> str:
    kind = "" if isinstance(error, CommandFailed) else f"{type(error).__name__}: "
    item = f"item {outcome.index}, {brief(outcome.input)}"
    first, _, _ = f"{kind}{text_of(error).removeprefix(f'{item}, ')}".partition("\n")
    return f"{item}: {first if len(first) <= 200 else first[:199] + '…'}"
