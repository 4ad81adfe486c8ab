"""How a process ends that the user's function has forked, when it comes out of the function: it is no worker."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this
    from typing import NoReturn


def leave(error: BaseException | None) -> NoReturn:
    """End as a program does that ends by this error: with its exit status, and a traceback if it is no ``SystemExit``.

    Its parent answers for the item. A child that went on would run the items after it, and answer a second time.
    """
    status = 1
    try:
        if error is None:
            words = (
                "a child made by os.fork() returned from the function, and ends here; its parent goes on with the item"
            )
            sys.stderr.write(f"plait: {words}. End it with os._exit()\n")
        elif not isinstance(error, SystemExit):
            sys.excepthook(type(error), error, error.__traceback__)
        elif isinstance(error.code, int):
            status = error.code
        elif error.code is None:
            status = 0
        else:
            sys.stderr.write(f"{error.code}\n")
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status & 0xFF)
