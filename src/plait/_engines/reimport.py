"""A module that starts work on processes while it is imported, in a worker that imports it to find what was sent.

The work would be started anew there, and want workers, which import the module again, without end.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plait._core.errors import UsageError
from plait._engines.pickling.codec import decode, decode_items
from plait._engines.worker_main import WorkerMain

if TYPE_CHECKING:
    from types import FrameType

_READS = (decode.__code__, decode_items.__code__)


def refuse_endless_work() -> None:
    """Called where work on other processes or interpreters begins, by whatever thread drives it.

    Raises:
        UsageError: this is a worker that is about to import the module that begins it.
    """
    if not isinstance(sys.modules.get("__main__"), WorkerMain):
        return
    for frame in sys._current_frames().values():
        module = _imported_to_read(frame)
        if module is not None:
            raise UsageError(
                f"line {module.f_lineno} of {module.f_globals.get('__name__')} starts work on processes while the "
                "module is imported, and workers import it to find there what they are sent, which would start it "
                "anew; start it in a function that is called by the program's own file"
            )


def _imported_to_read(frame: FrameType | None) -> FrameType | None:
    """The innermost module whose code runs in this stack, because something that was sent refers to it."""
    module = None
    while frame is not None:
        if module is None and frame.f_code.co_name == "<module>":
            module = frame
        if frame.f_code in _READS:
            return module
        frame = frame.f_back
    return None
