"""Following: the one item of a batch and those that come after it, with which its worker goes on while they are brief.

To take an item, to hand it in and to have the driver note it costs about as much as a brief call; this way several
share that. Nobody waits for them: they are still in the queue, for any worker, until their turn has come.
"""

from __future__ import annotations

import time
from _collections_abc import Iterator, Sequence

from plait._core.batch import Batch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plait._engines.crew import Crew
    from plait._engines.halting import Seat

UNINTERRUPTIBLE = True  # see `halting`: the items of a run that is being stopped end with the one that runs

BATCH_SECONDS = 0.001


class Following:
    """A `Portion` of which there is nothing to take away."""

    __slots__ = ("_over", "iterator")

    def __init__(self, crew: Crew, seat: Seat, batch: Batch) -> None:
        self._over = False
        self.iterator = self._items(crew, seat, batch)

    def rest(self, batch: Batch) -> Sequence[object]:
        """Nothing; and nothing follows from now on."""
        self._over = True
        return ()

    def end(self) -> None:
        """Have nothing follow."""
        self._over = True

    def _items(self, crew: Crew, seat: Seat, batch: Batch) -> Iterator[object]:
        yield batch.items[0]
        clock, extend = time.perf_counter, crew.feed.extend
        until = batch.started + BATCH_SECONDS
        while clock() < until and not batch.failures and not seat.thread.unfinished:
            if self._over or crew.unwanted or not extend(batch):
                return
            yield batch.items[-1]
