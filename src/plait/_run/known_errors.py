"""What to do about errors that Python and libraries raise in concurrent functions, which are known by their words."""

from __future__ import annotations

from plait._core.notes import add_note, notes_of, text_of

_OTHER_LOOP = (
    "it was made or first used in another event loop: a plain loop over a map has one of its own, `async for` uses "
    "that of your code; make it in the function, or once for each loop with plait.per_worker"
)
_OWN_LOOP = "map the coroutine function itself, plait.map(fetch, urls), or run with asyncio.run what it gives"

_WINDOW = (
    "only the thread of the window may change it: put what is to be shown into a queue.Queue, and look there with "
    "root.after"
)
_REQUEST = "read what the function needs of the request or the app where it is submitted, and pass that"
_SIGNAL = 'timeout= limits the time of an item on every engine; with engine="process" functions run in a main thread'

# The class that the error is of, words that are in its text, and what to do.
_KNOWN: tuple[tuple[type[BaseException], tuple[str, ...], str], ...] = (
    (RuntimeError, ("different", "loop"), _OTHER_LOOP),
    (RuntimeError, ("Event loop is closed",), _OTHER_LOOP),
    (RuntimeError, ("should be used inside a task",), _OTHER_LOOP),  # aiohttp
    (RuntimeError, ("no current event loop in thread",), _OWN_LOOP),
    (RuntimeError, ("asyncio.run() cannot be called from a running event loop",), "write `await` there"),
    (RuntimeError, ("main thread is not in main loop",), _WINDOW),
    (RuntimeError, ("Working outside of", "context"), _REQUEST),
    (ValueError, ("signal only works in main thread",), _SIGNAL),
    (Exception, ("created in a thread can only be used in that same",), "give each worker its own: plait.per_worker"),
    (OSError, ("Too many open files",), "workers= says how many items have files and connections open at a time"),
)


def note_known_error(error: BaseException) -> None:
    """Have an error that is known here say what to do about it, once."""
    text = text_of(error)
    for kind, words, advice in _KNOWN:
        if isinstance(error, kind) and all(word in text for word in words):
            if (note := f"plait: {advice}") not in notes_of(error):
                add_note(error, note)
            return
