"""BatchTask: what the function that a worker of this process runs may ask about itself: it follows from its batch."""

from __future__ import annotations

from plait._core.batch import Batch
from plait._core.current import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plait._core.job import Job
    from plait._core.rng import Seeding


class BatchTask(Task):
    """A worker that runs the items of a batch one after the other and appends their values to it.

    Attributes:
        name: such as ``"thread-3"``.
        job: what its items belong to.
        batch: the batch it runs, or None.
        began: when its item began, in runs that measure items; 0.0 between items.
    """

    __slots__ = ()

    name: str
    job: Job
    batch: Batch | None
    began: float

    @property
    def index(self) -> int:
        batch = self._running()
        return batch.base + len(batch.values)

    @property
    def attempt(self) -> int:
        return self._running().attempt

    @property
    def worker(self) -> str:
        return self.name

    @property
    def deadline(self) -> float | None:
        timeout, began = self.job.timeout, self.began
        return began + timeout if timeout is not None and began else None

    @property
    def seeding(self) -> Seeding:
        return self.job.seeding

    def _running(self) -> Batch:
        if self.batch is None:
            raise LookupError("plait.current(): no item is running in this context")
        return self.batch
