"""Tracebacks of the user's errors begin in the user's code, not in what plait wraps around it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this
    from types import TracebackType


def without_our_frames(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is not plait's; None when there is no other.

    So it is when the call itself fails, with the wrong number of arguments, or in a function of C, such as ``int``.

    >>> without_our_frames(None) is None
    True
    """
    rest = trace.tb_next if trace is not None else None
    while rest is not None and str(rest.tb_frame.f_globals.get("__name__")).startswith("plait._"):
        rest = rest.tb_next
    return rest
