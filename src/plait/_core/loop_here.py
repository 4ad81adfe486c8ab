"""The event loop that runs in this thread, for those who do not import asyncio: where it is not loaded, none runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait._core.importable import imported

if TYPE_CHECKING:
    import asyncio


def loop_here() -> asyncio.AbstractEventLoop | None:
    """The running loop of asyncio, or None."""
    loaded = imported("asyncio")
    return None if loaded is None else loaded._get_running_loop()
