"""Staff: the workers of one run while it has them, and everything that wakes its driver."""

from __future__ import annotations

from _collections_abc import Iterator

from plait._core.attentive import attentively
from plait._core.errors import PlaitError
from plait._core.job import Job
from plait._engines.forwarding import first_setting, next_setting
from plait._engines.hosting import READABLE, WRITABLE, Launcher
from plait._engines.remote_worker import RemoteWorker
from plait._engines.reserve import Reserve
from plait._engines.scarcity import scarcity


class Staff:
    """Gets workers from the reserve, listens to them, and gives them back.

    Attributes:
        bell: rung by whoever wants the driver to look.
        launcher: what starts workers and knows how they ended.
        limit: how many workers there may be.
        share: what it has of those that the runs of a pool may have.
        lent: those that it has passed on.

    Raises:
        PlaitError: the system has nothing to give that workers could be started with.
        OSError: anything else is wrong, such as an interpreter that does not exist.
    """

    def __init__(self, reserve: Reserve, job: Job) -> None:
        self._reserve = reserve
        self._job = job
        self._workers: dict[int, RemoteWorker] = {}
        self._kind = reserve.host.kind
        self._poll = reserve.host.poll()
        self.limit = job.workers
        self.lent: set[RemoteWorker] = set()
        try:
            self.bell = reserve.host.bell()
        except OSError as error:
            self.make_do(scarcity(error))
        try:
            self._poll.register(self.bell.fileno(), READABLE)
            self.launcher: Launcher = self._follow()
        except BaseException as error:
            self.bell.close()  # now: who keeps the error keeps all that its frames refer to
            if isinstance(error, OSError):
                self.make_do(scarcity(error))
            raise

    def __iter__(self) -> Iterator[RemoteWorker]:
        return iter(list(self._workers.values()))

    def __len__(self) -> int:
        return len(self._workers)

    def at(self, fd: int) -> RemoteWorker | None:
        """The worker whose results arrive at this descriptor."""
        return self._workers.get(fd)

    @property
    def busy(self) -> bool:
        """Whether some worker holds a batch."""
        return any(worker.flights for worker in self._workers.values())

    @property
    def has_free(self) -> bool:
        """Whether some worker has nothing to do, or there may be one more."""
        more = len(self._workers) < self.limit and not self._job.quota.is_full
        return more or any(not worker.flights for worker in self._workers.values())

    def wants_more(self, *, one_by_one: bool) -> bool:
        """Whether there may be one more worker; with `one_by_one`, only when all the others are there."""
        return len(self._workers) < self.limit and not (one_by_one and any(not worker.present for worker in self))

    def listen(self, milliseconds: float | None) -> list[tuple[int, int]]:
        """Wait until somebody has something to say; the descriptors at which they do."""
        return attentively(self._listen, None if milliseconds is None else milliseconds / 1000)

    def _listen(self, seconds: float | None) -> list[tuple[int, int]]:
        return self._poll.poll(None if seconds is None else 1000 * seconds)

    # --- workers come and go

    def enlist(self, *, preload: bool) -> RemoteWorker | None:
        """One more worker, or None when the system has no more to give, or others have all at the moment.

        Raises:
            PlaitError: it has none to give, and there are none.
            OSError: anything else is wrong, such as an interpreter that does not exist.
        """
        if not self.share.take():
            return None
        try:
            if self.launcher.dead:
                self.unfollow()
                self.launcher = self._follow()
            if preload:
                self.launcher.preload()
            worker = self._reserve.lease(self.launcher)
        except BaseException as error:
            self.share.give()
            if not isinstance(error, OSError):
                raise
            self.make_do(scarcity(error))
            return None
        self._workers[worker.results] = worker
        self._job.tally.peak = max(self._job.tally.peak, len(self._workers))
        self._poll.register(worker.results, READABLE)
        arithmetic = self._job.arithmetic
        if worker.key:
            setting = next_setting(arithmetic)
        else:
            setting = first_setting(worker.name, self._reserve.memory_bytes, arithmetic)
        if setting != worker.setting:
            worker.setting = setting
            self.expect_room(worker, full=worker.send(setting))
        return worker

    def make_do(self, why: str) -> None:
        """Go on with the workers there are.

        Raises:
            PlaitError: there are none.
        """
        self.limit = len(self._workers)
        self._job.tally.reasons.append(f"no further {self._kind} could be started: {why}")
        if not self.limit:
            raise PlaitError(f"no worker {self._kind} could be started: {why}")

    def begin(self, *, lends: bool) -> None:
        """The run begins; with `lends`, others on the same engine may ask for workers that have nothing to do."""
        self.share = self._job.quota.join(self.bell.ring)
        if lends:
            self._reserve.lending.enter(self.bell)

    def answer(self, *, spare: bool) -> None:
        """Give the workers that have nothing to do, if they can be spared, to a run that has asked for them."""
        if self._reserve.lending.is_asked(self.bell):
            if spare:
                self.dismiss()
            self._reserve.lending.answer(self.bell)

    def dismiss(self) -> None:
        """Let other runs on the same engine have the workers that have nothing to do."""
        for worker in self:
            self._pass_on(worker)

    def suspend(self) -> None:
        """The consumer has the word, for as long as it likes: others may have the workers that have nothing to do."""
        if self._job.quota.is_limited and not self._job.feed.interdependent:  # who calls once will call again
            self.dismiss()
        self.share.step_out()
        self.share.listens(False)

    def resume(self) -> None:
        """The driver has it again."""
        self.share.listens(True)

    def take_turns(self) -> None:
        """Let the other runs of a pool that wait for a worker have those that have nothing to do; want none idly."""
        if self._job.quota.is_calm:
            return
        if not self._job.feed.ready:
            self.share.step_out()
        for worker in self:
            if not self.share.is_asked:
                return
            self._pass_on(worker)

    def _pass_on(self, worker: RemoteWorker) -> None:
        if not (worker.flights or worker.outbox or worker.leaving or worker.doomed):
            self.discard(worker)
            self.lent.add(worker)
            self._reserve.give_back(worker, self._job.tally.note)
            self.share.give()

    def discard(self, worker: RemoteWorker) -> None:
        """The worker is not of this run any more."""
        del self._workers[worker.results]
        self._poll.unregister(worker.results)
        if worker.outbox:
            self._poll.unregister(worker.commands)
            worker.outbox.clear()

    def clear(self) -> None:
        """The run is over: none of its workers is listened to any more."""
        self._reserve.lending.leave(self.bell)
        self._workers.clear()
        self.unfollow()
        self.bell.close()

    # --- messages

    def expect_room(self, worker: RemoteWorker, *, full: bool) -> None:
        """Be woken when the worker's pipe, which was `full`, has room again."""
        if full:
            self._poll.register(worker.commands, WRITABLE)

    def flush(self, fd: int) -> None:
        """The pipe with this descriptor has room again.

        Where a worker has ended since that was seen, it may by now be the pipe of the one in its place, which nobody
        waits for.
        """
        for worker in self._workers.values():
            if worker.commands == fd and worker.outbox:
                if not worker.flush():
                    self._poll.unregister(fd)
                return

    # --- the launcher

    def _follow(self) -> Launcher:
        """Listen to the reserve's launcher; what it says it on stays open as long as it is polled."""
        launcher = self._reserve.prepare(self._job.workers)
        if launcher.fileno() >= 0:
            self._poll.register(launcher.fileno(), READABLE)
        launcher.bells.add(self.bell)
        return launcher

    def unfollow(self) -> None:
        """Listen to the launcher no longer."""
        try:
            self._poll.unregister(self.launcher.fileno())
        except (KeyError, ValueError):
            return  # it was dead before and nobody has needed a new one yet, or the engine has been closed
        self.launcher.bells.discard(self.bell)
