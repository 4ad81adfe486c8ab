"""Whether there was ever something to choose in an execution: what is noted costs nothing from the first time on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plait._check.controlled import Controlled

if TYPE_CHECKING:
    from plait._check.execution import Choose, Execution


class FirstChoice:
    """Asks the scheduler, and leaves it to the scheduler alone once two threads could go on."""

    def __init__(self, execution: Execution, scheduler: Choose) -> None:
        self._execution = execution
        self._scheduler = scheduler

    def choose(
        self, ready: Sequence[Controlled], running: Controlled | None, threads: Sequence[Controlled]
    ) -> Controlled:
        """As the scheduler does."""
        if len(ready) > 1:
            self._execution.one_order = False
            self._execution.choose = self._scheduler
        return self._scheduler(ready, running, threads)
