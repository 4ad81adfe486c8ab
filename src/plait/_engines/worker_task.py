"""WorkerTask: what the function that a remote worker runs may ask about itself, and what the worker holds."""

from __future__ import annotations

import os

from plait._core.current import Task
from plait._engines.board import CURRENT, HOLDS, MODE, PREPARES, STARTED, STOP_AT, TRACKED

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would double a worker's start-up time
    from plait._core.rng import Seeding


class WorkerTask(Task):
    """The facts of the batch that runs; the loop of `worker` writes them, the board knows which item it is."""

    owns_process = True

    def __init__(self, words: memoryview) -> None:
        self._words = words
        self._name = ""
        self._timeout: float | None = None
        self._seeding: Seeding = (0, (), False)
        self._first = self._base = self._attempt = 0

    @property
    def index(self) -> int:
        return self._base + self._words[CURRENT] - self._first

    @property
    def attempt(self) -> int:
        return self._attempt

    @property
    def worker(self) -> str:
        return f"{self._name} (pid {os.getpid()})" if self.owns_process else self._name

    @property
    def deadline(self) -> float | None:
        return None if self._timeout is None else self._words[STARTED] * 1e-9 + self._timeout

    @property
    def cancelled(self) -> bool:
        # a process that holds nothing is not told, but killed; an interpreter is told
        return self._stopping and not self.tears_down

    @property
    def seeding(self) -> Seeding:
        return self._seeding

    @property
    def ticket(self) -> int:
        return self._words[CURRENT]

    def prepares(self, begins: bool) -> None:
        self._words[PREPARES] = begins

    # --- a worker that holds something is asked to leave, see `parting`

    def on_hold(self) -> None:
        if self.owns_process:
            from plait._engines import worker_end  # most workers hold nothing

            worker_end.expect_interrupt(lambda: self.may_be_interrupted)
        self._words[HOLDS] = 1

    @property
    def may_be_interrupted(self) -> bool:
        """Whether StopTask may be raised now: the driver wants the item to end, and it is the function that runs."""
        return self._stopping and self._words[MODE] == TRACKED

    def is_stopped_by(self, error: BaseException) -> bool:
        """Whether it was raised to stop the item."""
        return self._stopping and type(error).__name__ == "StopTask"

    @property
    def _stopping(self) -> bool:
        return self._words[STOP_AT] == 0
