"""`check`: a function under many schedules; `replay`: under the one that broke it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

from plait._check.conclude import Checked, Subject, follow, search
from plait._check.explore import Budget
from plait._check.findings import Finding
from plait._check.programs.function_program import own_files
from plait._check.programs.plan import Plan, plan_of
from plait._check.stage import STAGE
from plait._check.story import Around, tell
from plait._core.errors import CheckFailed, NotChecked, PlaitError, UsageError
from plait._core.streams import is_terminal
from plait._schedulers.interface import Scheduler

_NOBODY = ("hang", "nothing comes", "nobody sets it")  # of what is not there from the start
_AS_DEFINED = (
    "inconclusive: {0}. But {1} was as defined, anew, which is not as it is by now. If functions were called to make "
    "it so, call them in {2}, or in the statement that defines it"
)


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
    control: one thread at a time, changing over where the schedule says, with a clock that does not wait. Of a notebook
    or a prompt what the test needs is defined anew.

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

    >>> import plait
    >>> def test():
    ...     import threading
    ...     done = []
    ...     threads = [threading.Thread(target=done.append, args=[name]) for name in "ab"]
    ...     for thread in threads:
    ...         thread.start()
    ...     for thread in threads:
    ...         thread.join()
    ...     assert len(done) == 2
    >>> plait.check(test, runs=20).verdict
    'passed'
    """
    if runs is None and seconds is None:
        raise UsageError("check() needs an end: runs= or seconds=")
    budget = Budget(runs, seconds)

    def ask() -> Passed:
        plan = plan_of(test)
        return _answer(search(_subject(plan), budget, seed=seed, scheduler=scheduler), plan)

    return _asked(ask)


def replay(test: Callable[[], object], token: str) -> Passed:
    """What was seen, if `test` passes under the schedule of a token, which a failed check has printed.

    Raises:
        CheckFailed: it breaks it, as it did.
        NotChecked: the token does not apply to the test any more, and at which of its switches.
        UsageError: the token is damaged, or the test cannot mean anything.

    >>> import plait
    >>> def test():
    ...     import threading
    ...     seen = []
    ...     thread = threading.Thread(target=seen.append, args=[1])
    ...     thread.start()
    ...     assert seen, "nobody has waited for the thread"
    ...     thread.join()
    >>> try:
    ...     plait.check(test)
    ... except plait.errors.CheckFailed as failed:
    ...     token = failed.token
    >>> try:
    ...     plait.replay(test, token)
    ... except plait.errors.CheckFailed as failed:
    ...     print(str(failed).strip().splitlines()[0])
    Used before it is ready: seen
    """

    def ask() -> Passed:
        plan = plan_of(test)
        return _answer(follow(_subject(plan), token), plan)

    return _asked(ask)


def _asked(ask: Callable[[], Passed]) -> Passed:
    """The answer; an error, or Ctrl-C, is without the frames that it came through, which are ours."""
    try:
        return STAGE.calls.answer(ask)
    except (PlaitError, KeyboardInterrupt) as error:
        raise error.with_traceback(None) from error.__cause__


def _subject(plan: Plan) -> Subject:
    return Subject(plan.make, own_files(plan.file))


def _answer(checked: Checked, plan: Plan) -> Passed:
    told = checked.told
    if told is not None:
        if plan.changed and checked.coverage.schedules <= 1 and _fails_always(told.finding):
            raise NotChecked(_AS_DEFINED.format(told.finding.title, ", ".join(plan.changed), plan.name))
        around = Around(_coverage(checked, plan), f'plait.replay({plan.name}, "{told.token}")')
        story = tell(told.finding, around, checked.sources, colour=is_terminal(sys.stderr))
        raise CheckFailed(f"\n{story}", told.token)
    if checked.stale:
        raise NotChecked(checked.stale)
    if checked.verdict.word not in ("passed", "proved"):
        raise NotChecked(f"{checked.verdict.word}: {checked.verdict.reason} ({_coverage(checked, plan)})")
    return Passed(checked.verdict.word, checked.verdict.reason, _coverage(checked, plan))


def _fails_always(finding: Finding) -> bool:
    """Whether the failure has nothing to do with the order of threads, as far as the first execution shows."""
    return not finding.certain or finding.kind in _NOBODY


def _coverage(checked: Checked, plan: Plan) -> str:
    return ", ".join([str(checked.coverage), *plan.notes])
