"""What is said of a wait that nobody is left to end, for each kind: the title, what it waits for, and the cure."""

from __future__ import annotations

RANK = (
    "queue join",
    "lock",
    "semaphore",
    "limiter",
    "barrier",
    "event",
    "condition",
    "queue put",
    "queue get",
    "channel put",
    "channel get",
    "future",
    "futures",
    "join",
)
NOBODY = {
    "queue join": (
        "Not all items of {what} were marked as done",
        "join() returns when task_done() was called for every item.",
        "Call task_done() in a `finally`; see whether the thread that took the items has ended by an exception.",
    ),
    "queue get": (
        "Nothing will come: {what}",
        "It waits for an item.",
        "Put one sentinel for each consumer, or call shutdown() (3.13); see whether who puts items has failed.",
    ),
    "pool": (
        "Nothing comes back to {what}",
        "It waits for an item, such as a connection that another thread gives back.",
        "Give back what was taken: close it, or use `with`, also after an exception; and wait with a timeout.",
    ),
    "queue put": (
        "Nobody takes from {what}",
        "It waits for room.",
        "See whether the thread that takes items has ended by an exception; give put() a timeout.",
    ),
    "channel get": (
        "Nothing will come: {what}",
        "It waits for an item, or for the end.",
        "Whoever puts items closes the channel when there are no more: `with` does that, also after an exception.",
    ),
    "channel put": (
        "Nobody takes from {what}",
        "It waits for room.",
        "See whether who takes items has ended; if it has, have it close the channel: then put() raises Closed.",
    ),
    "lock": (
        "{what} was never let go",
        "Whoever had it has ended, or has left it, without release(); or one that waits here has it.",
        "Use `with`, or release it in a `finally`; take locks in the same order everywhere.",
    ),
    "some lock": (
        "Nobody lets go of {what}",
        "One of those that wait may have it, under another name; or whoever had it has ended without release().",
        "Take locks in the same order everywhere, and use `with`. With PLAIT_WATCHDOG=30 their names do not matter.",
    ),
    "semaphore": (
        "All permits of {what} are gone",
        "Those who took them have ended, or have left, without release().",
        "Use `with`, or release it in a `finally`: also where the function returns early or fails.",
    ),
    "limiter": (
        "All tokens of {what} are taken",
        "Those who have them have not ended.",
        "Its limiter has no tokens left: who has one and waits for another needs two limiters. See what they wait for.",
    ),
    "event": (
        "Nobody sets {what}",
        "It waits for set().",
        "See that set() is called on every path, also after an exception; and wait with a timeout.",
    ),
    "condition": (
        "Nobody notifies {what}",
        "It waits for notify(); one that came before the wait began is lost.",
        "Keep what it waits for under its lock, write `while not ready: condition.wait()`; notify() after changes.",
    ),
    "barrier": (
        "Too few come to {what}",
        "It waits for the other parties.",
        "See that as many threads call wait() as it has parties, also after an exception; wait with a timeout.",
    ),
    "future": (
        "Nobody sets the result of {what}",
        "It waits for set_result() or set_exception().",
        "See that one of them is called on every path, also after an exception; and wait with result(timeout=...).",
    ),
    "futures": (
        "Nobody sets the results of futures",
        "It waits for set_result() or set_exception() of each.",
        "See that one of them is called on every path, also after an exception; and wait with a timeout.",
    ),
    "join": ("A thread does not end", "It waits for its end.", "See what that thread waits for."),
}
_OF_STREAMS = "asyncio/streams.py"
_MEMORY_CHANNELS = ("trio/_channel.py", "anyio/streams/memory.py")
AWAITED = (  # the file, methods of asyncio, trio or anyio that a task is in, and what cures that
    ("asyncio/base_events.py", ("wait_closed",), "closed"),
    (_OF_STREAMS, ("drain",), "drain"),
    (_OF_STREAMS, ("read", "readline", "readuntil", "readexactly"), "read"),
    *((file, (method,), method) for file in _MEMORY_CHANNELS for method in ("receive", "send")),
)
OF_LIBRARY = {
    "closed": "From Python 3.12 on wait_closed() of a server returns when all its connections are closed: have the "
    "handlers end and close theirs, or call server.close_clients() (3.13) before it.",
    "drain": "What was written is not read by the other side: see what that does; await drain() with "
    "asyncio.timeout(...), and close the connection after that.",
    "receive": "It goes on with an item, or when all senders are closed: open each with `async with`, and close the "
    "one of which clones were made, too. See whether who sends has failed.",
    "send": "It goes on when there is room, or when all receivers are closed: open each with `async with`. See whether "
    "who receives has failed.",
    "read": "The other side sends nothing, and does not close the connection: see what it does; await the answer with "
    "asyncio.timeout(...).",
}
