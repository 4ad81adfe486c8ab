"""PoolDriver: the one thread of a pool, which drives its engine over submitted calls until the pool is shut down."""

from __future__ import annotations

import threading
from _collections_abc import Callable
from contextvars import Context

from plait._core.batch import Batch
from plait._core.daemons import daemons_allowed
from plait._core.errors import Cancelled, NotTransferable, PlaitError, PoolBroken
from plait._core.job import Job, Running
from plait._core.notes import text_of
from plait._core.onlooker import ONLOOKER
from plait._core.quota import Quota
from plait._engines.interface import Engine
from plait._run.farewell import warn_mishaps
from plait._run.pool_call import LOGGER, Call
from plait._run.pool_exit import exit_gate, too_late
from plait._run.pool_feed import QueueFeed

# How long the first submit waits for the first worker. With one at work, cancelling what was not started leaves it the
# first call, as in the standard library; and CPython 3.12.0 and 3.12.1 refuse to start threads and processes once the
# main thread has ended (gh-113964), so that a call submitted just before would never find a worker.
_FIRST_WORKER = 1.0


class PoolDriver:
    """Runs calls on an engine. Holds no reference to its Pool, so that a Pool nobody uses any more can be collected.

    The thread starts with the first call and ends when the feed is closed and every call has its outcome. It then
    closes the engine, unless that is somebody else's.
    """

    noun = "pool"

    def __init__(
        self,
        engine: Engine,
        fn: Callable[..., object],
        *,
        workers: int,
        owned: bool,
        token: str,
        quota: Quota | None = None,
        feed: type[QueueFeed] = QueueFeed,
    ) -> None:
        self.feed = feed(self._wake, self._arrived)
        self._engine = engine
        self._owned = owned
        self._token = token
        self._job = Job(fn, self.feed, workers=workers, timeout=None, context=Context())
        self._job.final = owned
        self._job.quota = quota or self._job.quota
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._interrupted = False
        self._awaited = False
        self.broken: PoolBroken | None = None

    def put(self, call: Call) -> None:
        """Have the call run.

        Raises:
            RuntimeError: the pool was shut down, or the interpreter is exiting.
            PoolBroken: the pool's initializer or engine failed.
        """
        if self._thread is not None:
            self.feed.put(call)
            return
        self.start()
        self.feed.put(call)
        if not self._job.quota.is_full:  # else maps have all workers
            self.feed.first_taken.wait(_FIRST_WORKER)

    def start(self) -> None:
        """Start the thread, once.

        Raises:
            RuntimeError: the pool was shut down, or the interpreter is exiting.
        """
        refusal = self.feed.refusal
        if refusal is not None:
            raise refusal
        if self._thread is not None:
            return
        with self._lock:
            thread = threading.Thread(target=self._drive, name=f"plait-{self.noun}", daemon=daemons_allowed())
            if self._thread is not None:  # already, or just now, by a destructor that submits
                return
            try:
                self._thread = thread
                self._enroll()
                thread.start()
            except BaseException:
                self._sign_off()
                self._thread = None
                raise

    def join(self) -> None:
        """Return when every call has its outcome and the engine is closed.

        Ctrl-C while this waits cancels what has not been started; the second one also stops what is running.

        Raises:
            RuntimeError: the caller is one of those calls, or a callback of their futures.
        """
        with self._lock:  # a thread that is being started cannot be joined yet
            thread = self._thread
        if thread is None:
            if self._owned:
                self._engine.close()
            return
        me = threading.get_ident()
        if thread.ident == me or any(call.thread == me for call in self.feed.running()):
            raise RuntimeError("a task of a pool cannot wait for the end of its own pool; use shutdown(wait=False)")
        self._awaited = True
        try:
            # CPython before 3.13 takes a thread for ended once Ctrl-C has interrupted its join (bpo-45274).
            self._ended.wait()
            thread.join()
        except KeyboardInterrupt:
            self.interrupt()
            raise
        self._warn()

    def interrupt(self) -> None:
        """Ctrl-C was pressed: cancel what has not been started; the second time stop what is running, too."""
        if self._interrupted:
            self.abort()
        self.cancel_pending()
        self._interrupted = True

    def abort(self) -> None:
        """Cancel what has not been started, and stop what is running."""
        self.cancel_pending()
        self._job.cancel()

    def cancel_pending(self) -> None:
        """Cancel every call that no worker has taken."""
        for call in self.feed.drain():
            call.cancel()

    def revoke(self, call: Call) -> None:
        """Stop a call that runs, and no other."""
        self._job.revoke(call.index)

    def running(self) -> list[Running]:
        """What is being run now, or was given to a worker that has not said so yet."""
        running = self._job.snapshot()
        begun = {one.index for one in running}
        given = [call for call in self.feed.running() if call.future is not None]  # else it has ended meanwhile
        return running + [Running(call.index, call, "", 0.0) for call in given if call.index not in begun]

    def abandoned(self) -> list[Running]:
        """What could not be stopped."""
        return self._job.tally.abandoned

    def close_at_exit(self) -> None:
        """Take nothing more: the interpreter exits."""
        self.feed.close(too_late)

    def _enroll(self) -> None:
        """See to it that the interpreter does not exit before the calls have ended."""
        exit_gate.enter(self)

    def _sign_off(self) -> None:
        exit_gate.leave(self)

    # --- in the thread

    def _drive(self) -> None:
        try:
            for batch in self._engine.run(self._job):
                self._settle(batch)
                del batch  # it would be kept while the engine waits for the next call
            if not self.feed.finished and not self._job.cancelled:
                raise RuntimeError("it ended before the pool was shut down")
        except BaseException as error:
            name, noun = self._engine.name, self.noun
            told = isinstance(error, PlaitError)  # and so says all there is to say
            LOGGER.critical("the %s engine of a %s failed: %s", name, noun, error, exc_info=not told)
            why = error if told else f"{type(error).__name__}: {text_of(error)}"
            self._break(f"the {noun}'s {name} engine failed: {why}; make a new {noun}", error)
        finally:
            try:
                self._resolve_rest()
                if self._owned:
                    self._engine.close()
            finally:
                self.feed.first_taken.set()
                self._sign_off()
                self._ended.set()
        if not self._awaited:
            self._warn()

    def _warn(self) -> None:
        """Say what went wrong when the workers ended."""
        mishaps, self._job.tally.mishaps = self._job.tally.mishaps, []
        warn_mishaps(mishaps)

    def _settle(self, batch: Batch) -> None:
        for offset, call in enumerate(batch.items):
            assert isinstance(call, Call)
            error = batch.failures.get(offset)
            if not isinstance(error, NotTransferable):
                call.worker = call.worker or batch.worker
            if call.future is None and error is None and ONLOOKER.told is None:
                continue  # it has handed on its result
            value, batch.values[offset] = batch.values[offset], None
            if ONLOOKER.told is not None and call.fn is not None:  # else it was run, and told of, in this process
                ONLOOKER.told(repr(call), batch, self._job)
            call.resolve(value, error)
            if isinstance(error, PoolBroken) and error.token == self._token:
                self._break(error.message, error)
            del value, error
        self.feed.forget(batch)

    def _break(self, message: str, cause: BaseException) -> None:
        """Refuse new calls and fail those that wait; those that run go on."""

        def refuse() -> PoolBroken:
            broken = PoolBroken(message, self._token)
            broken.__cause__ = cause if not isinstance(cause, PoolBroken) else cause.__cause__
            return broken

        self.broken = refuse()
        self.feed.close(refuse)
        for call in self.feed.drain():
            call.fail(refuse())

    def _resolve_rest(self) -> None:
        """Resolve what the engine has left without an outcome, so that nobody waits for ever."""
        self.cancel_pending()
        for call in self.feed.running():
            call.resolve(None, self.broken or Cancelled(f"{call!r} was stopped"))

    def _wake(self) -> None:
        self._job.wake()

    def _arrived(self) -> None:
        (self._job.arrived or self._job.wake)()
