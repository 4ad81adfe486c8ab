"""The sentences about hangs of asyncio's tasks, in the form of `hang_words`; those of threads serve for the rest."""

from __future__ import annotations

from plait._check.reading.words import Says

_LEFT = "nobody who is left {does}: all others have ended or wait, too."
_CANCELLED = (
    "A task that is cancelled, by a timeout for example, stops at its `await`: what stands behind that is not done, "
    "unless it stands in a `finally:`."
)
_TAKEN = Says(
    "{name} waits for `{thing}` in {here}. It is taken, and " + _LEFT.format(does="gives it back"),
    "Take it with `async with {thing}:`, which gives it back whatever happens. " + _CANCELLED,
)
_HELD = Says(
    "{name} waits for `{thing}` in {here}. {holder} has taken it in {since} and never gave it back.{left}",
    _TAKEN.fix,
)
_CIRCLE = Says(
    "{circle}. None of them can ever go on.",
    "Take both in one order, whoever comes: sort them by something that never changes (a number, `id()`) if they are "
    "not always the same; or hold one lock around both.",
)

ASYNC_TITLES = {
    "waits for itself, loop": "The event loop waits for itself",
    "nobody sets it, await condition": "Nobody notifies",
    "nobody sets it, await condition, changed": "Nobody notifies",
    "nobody sets it, await condition, each other": "They wait for each other",
}

ASYNC_WORDS = {
    "waits for itself, loop": Says(
        "{name} waits in {here} without `await`, and with it the thread of the event loop. What it waits for needs the "
        "loop to go on, or somebody who waits for the loop.",
        "Write `await` in place of it: the coroutine or task itself, or `await asyncio.wrap_future(future)`. Only code "
        "that runs in another thread may call `result()`.",
    ),
    "nothing comes, await data": Says(
        "{name} waits in {here} for data from a stream, and nobody who is left sends any: {rest}.",
        "Close the writer when all is written, in a `finally:`; a `read()` without a size waits for that end. And "
        "settle who speaks first, and where a message ends: by its length, or a newline.",
    ),
    "nothing comes, await room": Says(
        "{name} waits in {here} until there is room in a stream, and nobody who is left reads from it: {rest}.",
        "Let somebody read while others write, in a task of its own: what fits into the buffers between both is all "
        "that can be sent to one who does not read.",
    ),
    "nobody sets it, await": Says(
        "{name} awaits a result in {here} that " + _LEFT.format(does="will set"),
        "Set a result or an exception on every way out of what computes it: `try: ... except BaseException as error: "
        "future.set_exception(error)`. Who wakes others by hand has to wake one for each thing that comes, and none "
        "that is cancelled; `asyncio.Queue`, `Event` and `Semaphore` do.",
    ),
    "nobody sets it, await, changed": Says(
        "{name} awaits a result in {here} that " + _LEFT.format(does="will set") + " {changer} changes `{changed}` in "
        "{change}, which {name} had looked at before, but does not wake it.",
        "Wake one that waits for each thing that comes: set a result in {change} too, whatever there was before; or "
        "use `asyncio.Queue`, `Event` or `Semaphore`, which do.",
    ),
    "nobody sets it, await condition, changed": Says(
        "{changer} changes `{changed}` in {change}, which {name} waits for in {here}, but does not notify: {name} "
        "never looks again.",
        "Call `{thing}.notify_all()` after the change in {change}, under `async with {thing}:`.",
    ),
    "nobody sets it, await condition, each other": Says(
        "{name} ({here}) and {peers} {all_wait} on `{thing}`, each for something that only another one of them could "
        "do. Nobody is left to notify.",
        "Do not wait while you keep what the others wait for: give it back first (a reader that wants to write lets go "
        "and looks again), or take all that is needed in one step.",
    ),
    "nobody sets it, await event": Says(
        "{name} waits for `{thing}` in {here}, and " + _LEFT.format(does="sets it"),
        "Make sure that it is set on every way out, in a `finally:`; or wait with `asyncio.timeout(...)`.",
    ),
    "lost wake-up, await event": Says(
        "{name} waits for `{thing}` in {here}, and "
        + _LEFT.format(does="sets it")
        + " It is cleared in {cleared}: whoever begins to wait behind that has missed the set() before.",
        "Leave an Event set that says that something is ready. For what comes again and again use an asyncio.Queue, or "
        "a Condition with a value that is checked in a loop.",
    ),
    "nobody sets it, await condition": Says(
        "{name} waits for a notify of `{thing}` in {here}, and " + _LEFT.format(does="notifies"),
        "Keep what has happened in a variable, set it before the notify, and wait with "
        "`await {thing}.wait_for(lambda: ready)`: a notify() is not kept for those who come later.",
    ),
    "notify too few, await condition": Says(
        "Tasks wait on `{thing}` in different lines for different things, {name} in {here}. A notify() wakes one of "
        "them, and that was one that had nothing to do and went back to wait; the one it was meant for sleeps on.",
        "Call `{thing}.notify_all()`, with each wait in a `while` that checks what it waits for; or use a condition of "
        "its own, with the same lock, for each thing: `asyncio.Condition(lock)`.",
    ),
    "self-deadlock, await lock": Says(
        "{name} takes `{thing}` in {here}, but holds it already, since {since}. An asyncio.Lock does not ask who holds "
        "it: the task waits for itself.",
        "asyncio has no lock that its holder may take again: move what needs `{thing}` into a coroutine that expects "
        "it to be held, and await that one in {here} too.",
    ),
    "self-deadlock, await lock, left": Says(
        "{name} takes `{thing}` in {here}. It has it already, since {since}, by an async generator that it has left "
        "before its end: that one stands at a `yield`, and lets go only when it is closed.",
        "Close the generator when it is left: `async with contextlib.aclosing(...) as rows:` around the loop over it; "
        "or let it give out a list, and hold nothing at a `yield`.",
    ),
    "never released, await lock": _TAKEN,
    "never released, await lock, held": _HELD,
    "deadlock, await lock, kept": Says(
        "{name} waits for `{thing}` in {here}. {holder} has taken it in {since} and keeps it while it waits "
        "itself{for}. None of them can ever go on.",
        "Hold nothing that others need while you wait for them: await them outside the `async with {thing}:`.",
    ),
    "never released, await semaphore": _TAKEN,
    "never released, await semaphore, held": _HELD,
    "deadlock, await lock": _CIRCLE,
    "deadlock, await semaphore": _CIRCLE,
    "deadlock, await": Says(
        "{ring}. None of them can ever go on.",
        "Let one of them not wait for the end of the other: hand over what it needs, in a future, an event or a queue, "
        "as soon as that is there.",
    ),
    "missing task_done, await queue join": Says(
        "{name} waits in {here} until every item of `{thing}` is done. All have been taken, but task_done() was not "
        "called for each.",
        "Call task_done() once for each get(), in a `finally:`, so that an exception does not skip it.",
    ),
    "nothing comes, await queue put": Says(
        "{name} waits for room in `{thing}` in {here}, but " + _LEFT.format(does="will take something out"),
        "Let the consumer go on until the producers are done, whatever fails in between; or make the queue larger.",
    ),
    "nothing comes, await queue join": Says(
        "{name} waits in {here} until all items of `{thing}` are done, but " + _LEFT.format(does="will take one"),
        "Let the consumers go on, whatever fails in between, until every item has its task_done().",
    ),
}
