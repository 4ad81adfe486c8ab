"""`check`: a function under many schedules; `replay`: under the one that broke it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

from plait._check.conclude import Checked, Subject, follow, search
from plait._check.explore import Budget
from plait._check.function_program import FunctionProgram, checkable, file_of, own_files
from plait._check.stage import STAGE
from plait._check.story import Around, tell
from plait._core.errors import CheckFailed, NotChecked, UsageError
from plait._core.streams import is_terminal
from plait._schedulers.interface import Scheduler


class Passed(NamedTuple):
    """A check that has found nothing: ``passed`` or ``proved``, why that word, and what was seen."""

    verdict: str
    reason: str
    coverage: str


def check(
    test: Callable[[], object],
    *,
    runs: int | None = None,
    seconds: float | None = 2.0,
    seed: int = 0,
    scheduler: str | Scheduler = "rotation",
) -> Passed:
    """What was seen, if `test` passes under every schedule that was tried.

    The test is a function of a module, without arguments; it may be an ``async def``. It starts its own threads, pools,
    timers and queues. Its module, and what that imports of yours, is imported anew for each execution and runs under
    control: one thread at a time, changing over where the schedule says, with a clock that does not wait.

    Args:
        test: fails by an exception, such as that of an `assert`; a deadlock and a hang are failures too.
        runs: executions at most; None for as many as there is time for.
        seconds: of searching at most; None for no limit.
        seed: of the schedules; the same seed gives the same ones.
        scheduler: how schedules are chosen: ``"rotation"`` of several strategies is best for finding, ``"bounded"`` may
            prove a small test; or an object of `plait.schedulers`.

    Raises:
        CheckFailed: a schedule breaks it. The message is the story: what is wrong, who goes when, the fix, the token.
        NotChecked: nothing can be said, and why: a pass would be a false one.
        UsageError: the test or an option cannot mean anything.
    """
    checkable(test)
    if runs is None and seconds is None:
        raise UsageError("check() needs an end: runs= or seconds=")
    budget = Budget(runs, seconds)
    return STAGE.calls.answer(lambda: _answer(search(_subject(test), budget, seed=seed, scheduler=scheduler), test))


def replay(test: Callable[[], object], token: str) -> Passed:
    """What was seen, if `test` passes under the schedule of a token, which a failed check has printed.

    Raises:
        CheckFailed: it breaks it, as it did.
        NotChecked: the token does not apply to the test any more, and at which of its switches.
        UsageError: the token is damaged, or the test cannot mean anything.
    """
    checkable(test)
    return STAGE.calls.answer(lambda: _answer(follow(_subject(test), token), test))


def _subject(test: Callable[[], object]) -> Subject:
    return Subject(lambda fresh: FunctionProgram(test, fresh), own_files(file_of(test)))


def _answer(checked: Checked, test: Callable[[], object]) -> Passed:
    if checked.told is not None:
        raise CheckFailed(_story(checked, test), checked.told.token)
    if checked.stale:
        raise NotChecked(checked.stale)
    if checked.verdict.word not in ("passed", "proved"):
        raise NotChecked(f"{checked.verdict.word}: {checked.verdict.reason} ({checked.coverage})")
    return Passed(checked.verdict.word, checked.verdict.reason, str(checked.coverage))


def _story(checked: Checked, test: Callable[[], object]) -> str:
    if checked.told is None:
        return ""
    command = f'plait.replay({getattr(test, "__name__", "test")}, "{checked.told.token}")'
    around = Around(str(checked.coverage), command)
    return "\n" + tell(checked.told.finding, around, checked.sources, colour=is_terminal(sys.stderr))
