"""ScopeCall: one call submitted to a scope, its name in words, and how its future learns what became of it."""

from __future__ import annotations

from _collections_abc import Callable, Mapping
from concurrent.futures import InvalidStateError

from plait._core.current import current_task
from plait._core.errors import Cancelled, StopTask
from plait._core.notes import add_note, notes_of
from plait._run.call_words import call_in_words
from plait._run.future import Future
from plait._run.pool_call import Call

UNINTERRUPTIBLE = True  # see `cancelling`: what a task's end sets in motion is not broken off


class ScopeCall(Call):
    """A call whose future is a `Future`: stopped while it runs it is cancelled, and what it raises names it.

    Attributes:
        scope: the driver it belongs to, where it runs among the calls of others.
    """

    __slots__ = ("_name", "scope")

    future: Future[object] | None

    def __init__(
        self, fn: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object], future: Future[object]
    ) -> None:
        super().__init__(fn, args, kwargs, future)
        self._name = ""
        self.scope: object = None
        future._name = self.words

    def words(self) -> str:
        """How people call it: ``fetch('a')``."""
        return self._name if self.fn is None else call_in_words(self.fn, self.args, self.kwargs)

    __repr__ = words

    def resolve(self, value: object, error: BaseException | None, *, blamed: bool = True) -> None:
        """Give the future what became of the call, unless somebody did, and let go of it.

        The error says which task it was of, if the task is to be `blamed`.
        """
        future = self.future
        if future is None or error is None:
            super().resolve(value, error)
            return
        self._name = self.words()  # its thread may have been left behind, and is then to be named
        if isinstance(error, (Cancelled, StopTask)) and future._asked:
            self._let_go()
            try:
                future.set_cancelled(f"{self._name} was cancelled while it ran{self._where()}")
            except InvalidStateError:
                return  # it ended at this moment
        else:
            if blamed:
                note_task(error, self._name, self._where())
            super().resolve(None, error)

    def _where(self) -> str:
        if not self.worker:
            task = current_task.get(None)
            self.worker = task.worker if task is not None else ""
        return f" on {self.worker}" if self.worker else ""


def note_task(error: BaseException, words: str, where: str) -> None:
    """Say in the error which task it ended, once."""
    note = f"plait: task {words}{where}"
    if note not in notes_of(error):
        add_note(error, note)
