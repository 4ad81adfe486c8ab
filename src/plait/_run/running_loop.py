"""The event loop in which a wait of ours takes place; what is said where there is none."""

from __future__ import annotations

import asyncio

from plait._core.errors import UsageError


def end_wait(future: asyncio.Future[None]) -> None:
    """Whoever awaits the future goes on, if it does not already; in the loop of the future."""
    if not future.done():
        future.set_result(None)


def running_loop() -> asyncio.AbstractEventLoop:
    """The loop that runs here.

    Raises:
        UsageError: none of asyncio does.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "this waits in an event loop of asyncio, and none runs here; with another loop, such as trio's, do it in a "
            "thread: await trio.to_thread.run_sync(...)"
        ) from None
