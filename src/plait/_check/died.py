"""What is told of a search whose process is gone: nobody there could say anything any more."""

from __future__ import annotations

import signal

from plait._check.conclude import Checked
from plait._check.findings import Finding
from plait._check.investigate import Told
from plait._check.reading.source import Sources
from plait._check.record import Failure, Record
from plait._check.verdict import Coverage, Verdict

_FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT")


def died(number: int, status: int | None, *, seed: int) -> Checked:
    """The report on the search of `seed`, whose process has ended in execution `number`.

    `status` is its exit status, negative for a signal, None if it did not come back and was killed. Signals that come
    from outside, as from a system that runs out of memory, say nothing about the program.
    """
    coverage = Coverage(number, number, 0, 0, (), 0, (), ())
    where = f"in execution {number} of seed {seed}" if number else "before the first execution"
    sources = Sources(lambda _: [])
    if status is None:
        reason = f"{where} the program did not come back from a call into C code that keeps the GIL, and was ended"
        return Checked(Verdict("inconclusive", reason), coverage, None, (), sources)
    how = _how(status)
    if number == 0 or how in _FROM_OUTSIDE:
        return Checked(Verdict("inconclusive", f"{where} the process was ended: {how}"), coverage, None, (), sources)
    finding = Finding(
        "died",
        f"The process died: {how}",
        f"It happened {where}. Whoever dies like this says nothing; what Python could tell of the crash stands above.",
        "Look at the C code that was called: which of its objects two threads used at a time, and which were freed.",
        gil=None,
        certain=False,
    )
    failure = Failure("died", how, 0, None, (), ())
    record = Record((), (), (), {}, failure, "", (), 0, "", ())
    return Checked(Verdict("failed", "a schedule breaks it"), coverage, Told(finding, record, ""), (), sources)


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
