"""Home: the process in which a run goes on; a forked child has a copy of it, and is told so."""

from __future__ import annotations

import os


def stay_home(home: int | None, error: BaseException | None = None) -> None:
    """Go on if this is the process `home`, or if it is None: whoever asks for results runs the items, too.

    A forked child has neither the workers nor, perhaps, the locks, which others may have held at the fork.

    Raises:
        PlaitError: this is a forked child; `error` instead, if that is how the child came here.
    """
    if home is None or home == os.getpid():
        return
    if error is not None:
        raise error
    from plait._core.errors import PlaitError  # brings concurrent.futures along: only when it is needed

    raise PlaitError("this map was started by the process that forked this one; only there it can go on")
