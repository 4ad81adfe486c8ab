"""The one onlooker of this process: who is told about finished work while a trace is recorded."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers of pools import this file
    from _collections_abc import Callable
    from typing import Final

    from plait._core.batch import Batch
    from plait._core.job import Job


class Onlooker:
    """Where maps, pools and scopes look whether somebody wants to know.

    Attributes:
        told: called with the name of the function, each batch that has ended, and the job that it belongs to.
        ran: called with the words for a call that a thread of this process has run, when it began, by
            ``time.perf_counter``, and whether it failed.
        born: called when worker processes have been forked.
    """

    __slots__ = ("born", "ran", "told")

    def __init__(self) -> None:
        self.told: Callable[[str, Batch, Job], object] | None = None
        self.ran: Callable[[str, float, bool], object] | None = None
        self.born: Callable[[], object] | None = None


ONLOOKER: Final = Onlooker()


def name_of(fn: object) -> str:
    """What people call a function; of a map over several iterables, or in a pool, the function itself."""
    while str(type(fn).__module__).startswith("plait._") and hasattr(fn, "fn"):  # the type: users' objects may have it
        fn = fn.fn
    return str(getattr(fn, "__name__", type(fn).__name__))
