"""What became of one item: its value or its error, and where, when and how often it ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from plait._core.notes import add_note, notes_of

R = TypeVar("R")

NOT_SENT = "not sent"  # stands for the worker of an item that could not be sent to any

_NOTE_KEY = "__plait_outcome__"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """What became of one item of a map.

    Attributes:
        index: its position in the input, from 0.
        input: the item; a tuple when several iterables were mapped.
        value: what the function returned; None when it failed.
        error: what ended it instead, or None.
        attempts: how often it was started, 1 without retries; 0 when it never was.
        worker: the worker that ran it last, such as ``"thread-3"`` or ``"process-1 (pid 4711)"``.
        started: when its last attempt began, in seconds since the epoch.
        ended: when it ended, in seconds since the epoch.

    >>> import plait
    >>> for outcome in plait.map(int, ["7", "x"], engine="thread").outcomes():
    ...     print(outcome.index, outcome.input, outcome.ok, outcome.value)
    0 7 True 7
    1 x False None
    """

    index: int
    input: Any
    value: R | Any  # for type checkers: who has looked at `ok` need not look for None
    error: BaseException | None
    attempts: int
    worker: str
    started: float
    ended: float

    @property
    def ok(self) -> bool:
        """Whether the item has a value."""
        return self.error is None

    @property
    def seconds(self) -> float:
        """How long the last attempt took."""
        return self.ended - self.started


def attach(error: BaseException, outcome: Outcome[Any]) -> None:
    """Make the error carry its item: a note for people, the outcome for `outcome_of`.

    One that comes out of a map in the item of another map has both notes, the inner one first, and the outcome of the
    outer one, as whoever catches it there knows no other. So has one object that is raised time and again.
    """
    own = object.__getattribute__(error, "__dict__")  # whatever its class makes of attributes
    own[_NOTE_KEY] = outcome
    if not outcome.worker:  # it was stopped before anybody heard of it, and its error names the item
        return
    where = outcome.worker if outcome.worker == NOT_SENT else f"on {outcome.worker}"
    attempts = "" if outcome.attempts <= 1 else f", attempt {outcome.attempts}"
    note = f"plait: item {outcome.index}, {brief(outcome.input)}, {where}{attempts}"
    if note not in notes_of(error):
        add_note(error, note)


def outcome_of(error: BaseException) -> Outcome[Any] | None:
    """The outcome of the item that an error raised by a map belongs to, or None.

    >>> import plait
    >>> try:
    ...     list(plait.map(int, ["1", "x"], engine="inline"))
    ... except ValueError as error:
    ...     print(plait.errors.outcome_of(error).input)
    x
    """
    found = object.__getattribute__(error, "__dict__").get(_NOTE_KEY)
    return found if isinstance(found, Outcome) else None


def brief(value: object, limit: int = 80) -> str:
    """``repr`` cut to one line of at most `limit` characters; never raises, whatever the object's ``__repr__`` does."""
    try:
        text = repr(value) if not isinstance(value, (bytes, bytearray, str)) else repr(value[: limit + 1])
    except Exception as error:  # a broken __repr__ must not hide the error that is being reported
        text = f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    text = text.replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"
