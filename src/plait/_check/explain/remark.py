"""Says what is wrong at one place: a function called too early, a coroutine or a task lost, the loop held up."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from itertools import pairwise

from plait._check.findings import Finding, Moment, Side
from plait._check.handed import handed_call, handed_over
from plait._check.reading.history import History
from plait._check.reading.source import Sources, span
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words, own
from plait._check.record import Failure, Frame, Remark
from plait._check.remarks import ACROSS_AWAIT, BLOCKS, CALLED, COLLECTED, CUT_OFF, FOREIGN, IGNORES, NEVER_AWAITED
from plait._core.event import Site

_PUBLIC = "concurrency is asyncio's, the GIL has nothing to do with it"


def explain_remark(history: History, remark: Remark, sources: Sources) -> Finding:
    """The finding for something that is wrong at one place, whatever the schedule."""
    words = Words(history, sources)
    return words.named(_EXPLAIN[remark.kind](remark, words))


def thrown_away(remarks: Sequence[Remark], sources: Sources) -> Remark | None:
    """The first coroutine that a whole statement calls and drops, whatever fails later; None if there is none.

    One that is a part of a statement may be lost because something else in it has failed.
    """
    for remark in remarks:
        called = remark.what.rpartition(".")[2]
        if remark.kind == NEVER_AWAITED and remark.site is not None and sources.drops(remark.site, called):
            return remark
    return None


def _called(remark: Remark, words: Words) -> Finding:
    name, where = words.thread(remark.thread), words.line(remark.site)
    taker = remark.site.text if remark.site is not None else ""
    mended = _handed_over(remark, words)
    beside = f"Hand over the function itself, with its arguments beside it{mended}"
    if remark.gives in _IDLE:
        why = f"`{remark.what}` in {where} makes a {remark.gives}, of which nothing runs before {_IDLE[remark.gives]}"
        why += f": it is no function that `{taker}` could call."
        beside = f"Hand over a function that runs it{mended}"
    elif remark.gives:
        came = "None" if remark.gives == "None" else f"a value of type {remark.gives}"
        why = f"{name} itself calls `{remark.what}` in {where}, at once, and goes on when that is over. What comes "
        why += f"back is {came} and no function: `{taker}` has nothing that it could call later."
    else:
        why = f"{name} itself calls `{remark.what}` in {where}, at once, and that does not come to an end: `{taker}` "
        why += "is not even reached."
    or_else = f"; or let `{remark.what}` return a function, if it is to make one" if remark.gives == "None" else ""
    title, does = f"Called instead of handed over: {remark.what}", f"calls {remark.what} itself"
    return _finding(CALLED, title, why, f"{beside}{or_else}.", remark, words, does)._replace(reason="")


_IDLE = {"coroutine": "an event loop has it to run", "generator": "somebody goes through it"}


def stuck_in_call(failure: Failure, sources: Sources) -> Remark | None:
    """The call of a function that was to be handed over, and that a thread is still in; None if there is none."""
    stacks = [(failure.thread, failure.stack), *((one.thread, one.stack) for one in failure.blocked)]
    for thread, stack in stacks:
        for frame, called in pairwise(own(stack)):
            function = called.function.rpartition(".")[2]
            for node in sources.calls(frame.file, frame.line):
                given = handed_call(node)
                if given is None or ast.unparse(given.func).rpartition(".")[2] != function:
                    continue
                if sources.returns_nothing(called.file, called.line):
                    site = Site(frame.file, *span(node), frame.function, ast.unparse(node.func))
                    return Remark(CALLED, thread, ast.unparse(given), site)
    return None


def _handed_over(remark: Remark, words: Words) -> str:
    """What to write in place of the call."""
    node = words.sources.call(remark.site) if remark.site is not None else None
    is_idle = remark.gives in _IDLE
    if node is None or (is_idle and remark.gives != "coroutine"):
        return ""
    written = handed_over(node, is_coroutine=is_idle)
    return f": write `{written}`" if written else ""


def _never_awaited(remark: Remark, words: Words) -> Finding:
    name, where = words.thread(remark.thread), words.line(remark.site)
    called = remark.what.rpartition(".")[2]
    owner = receiver(words.sources.line(remark.site.file, remark.site.line), called) if remark.site is not None else ""
    return _finding(
        NEVER_AWAITED,
        f"Never awaited: {remark.what}()",
        f"{name} calls `{remark.what}()` in {where} and throws the result away. That is a coroutine, of which nothing "
        "runs before somebody awaits it: none of it is done.",
        f"Write `await {f'{owner}.' if owner else ''}{called}(...)`; or, to let it run beside, keep what "
        "`asyncio.create_task(...)` gives and await that.",
        remark,
        words,
        "makes a coroutine that nobody awaits",
    )


def _collected(remark: Remark, words: Words) -> Finding:
    where = words.line(remark.site)
    return _finding(
        COLLECTED,
        f"Taken away while it runs: {remark.what}",
        f"The task that is started in {where} is held by nobody: the event loop only has a weak reference. While it "
        "waits for something that nobody else holds, the garbage collector may take both away, and the rest of it is "
        "never run.",
        "Keep the task as long as it shall run: in a variable or a set, as in `tasks.add(task)` and "
        "`task.add_done_callback(tasks.discard)`; or start it in an `asyncio.TaskGroup`.",
        remark,
        words,
        "starts a task that nobody holds",
    )


def _blocks(remark: Remark, words: Words) -> Finding:
    name, where = words.thread(remark.thread), words.line(remark.site)
    call = "time.sleep()" if remark.what == "time.sleep" else f"`{_call(remark, words)}`"
    seconds = f" for {remark.seconds:g} s" if remark.seconds else ""
    fix = (
        "Write `await asyncio.sleep(...)`."
        if remark.what == "time.sleep"
        else "Use what asyncio has for it (asyncio.Lock, asyncio.Queue, streams), or leave the waiting to a thread: "
        "`await asyncio.to_thread(...)`."
    )
    return _finding(
        BLOCKS,
        f"Blocks the event loop: {call.strip('`')}",
        f"{name} waits in {where} without `await`{seconds}. All tasks share one thread: meanwhile no other task of "
        "the loop can go on, no timeout is kept, nobody is answered.",
        fix,
        remark,
        words,
        "waits, and the whole loop with it",
    )


def _foreign(remark: Remark, words: Words) -> Finding:
    if words.history.is_task(remark.thread):
        return _of_two_loops(remark, words)
    call = re.fullmatch(r"([\w.\[\]]+)\((.*)\)", remark.what)
    handed = f"loop.call_soon_threadsafe({', '.join(filter(None, call.groups()))})" if call is not None else ""
    return _finding(
        FOREIGN,
        f"The event loop is used from another thread: {remark.what}",
        f"{words.thread(remark.thread)} calls `{remark.what}` in {words.line(remark.site)}, which gives an event loop "
        "something to do that runs in another thread. Hardly anything of asyncio is made for that: the loop may be "
        "asleep and is not woken, so whoever waits for it waits until something else happens, or for ever.",
        f"Hand it to the loop: `{handed or 'loop.call_soon_threadsafe(function, ...)'}`; a coroutine with "
        "`asyncio.run_coroutine_threadsafe(...)`. Both wake it.",
        remark,
        words,
        "gives the loop something to do, but does not wake it",
    )


def _of_two_loops(remark: Remark, words: Words) -> Finding:
    return _finding(
        FOREIGN,
        "What two event loops share",
        f"{words.thread(remark.thread)} gives something to do in {words.line(remark.site)} to an event loop that is "
        "not its own. What asyncio makes, a Lock or a Queue for example, serves the tasks of one loop: "
        "the other loop may be asleep and is not woken.",
        "Keep to one loop; or use what threads have (`threading.Lock`, `queue.Queue`), and ask the tasks of another "
        "loop by `asyncio.run_coroutine_threadsafe(...)`.",
        remark,
        words,
        "gives another loop something to do, but does not wake it",
    )


def _across_await(remark: Remark, words: Words) -> Finding:
    name, lock = words.thread(remark.thread), words.lock(int(remark.what))
    return _finding(
        ACROSS_AWAIT,
        f"A lock of threads held across an await: {lock}",
        f"{name} takes {lock} in {words.line(remark.other)} and awaits something in {words.line(remark.site)} while it "
        "has it. Another task of the same loop that asks for the lock meanwhile stops the thread of the loop, and with "
        "it the task that would let it go.",
        f"Let go of {lock} before the await; or make it an asyncio.Lock, if only tasks use it.",
        remark,
        words,
        f"awaits, and holds {lock}",
    )


def _cut_off(remark: Remark, words: Words) -> Finding:
    name, where = words.thread(remark.thread), words.line(remark.site)
    started = f", which is started in {words.line(remark.other, remark.site)}," if remark.other is not None else ""
    return _finding(
        CUT_OFF,
        f"Still running at the end: {name}",
        f"{name}{started} has come no further than {where} when its work is looked for. Nobody waits for its end, and "
        "`asyncio.run` cancels what is still running when its coroutine is over: what stands behind that line is not "
        "done.",
        "Wait for it first: keep the task and `await` it, or start it in an `asyncio.TaskGroup`, which waits for all. "
        "A `gather` stops to wait at the first exception, and a `shield` when it is cancelled; the work goes on: "
        "`asyncio.gather(..., return_exceptions=True)` waits for all.",
        remark._replace(other=None),
        words,
        "still waits here",
    )


def _ignores(remark: Remark, words: Words) -> Finding:
    name, where = words.thread(remark.thread), words.line(remark.site)
    return _finding(
        "no end",
        f"Goes on although it was cancelled: {name}",
        f"{name} was cancelled, and still goes on in {where}. `cancel()` raises CancelledError at the `await`, and an "
        "`except` there caught it as if it were any other failure. Whoever waits for the task to end waits for ever.",
        "Let CancelledError through: catch `Exception`, which it is none of, in place of `BaseException` or all; or "
        "catch it to clean up, and `raise` it again.",
        remark,
        words,
        "goes on, and was cancelled",
    )


_EXPLAIN = {
    IGNORES: _ignores,
    CUT_OFF: _cut_off,
    CALLED: _called,
    NEVER_AWAITED: _never_awaited,
    COLLECTED: _collected,
    FOREIGN: _foreign,
    BLOCKS: _blocks,
    ACROSS_AWAIT: _across_await,
}


def _finding(kind: str, title: str, why: str, fix: str, remark: Remark, words: Words, does: str) -> Finding:
    site = remark.site
    stack = (Frame(site.file, site.line, site.function, True),) if site is not None else ()
    moments = [Moment(remark.thread, site, does)]
    if remark.other is not None:
        moments.insert(0, Moment(remark.thread, remark.other, f"takes {words.lock(int(remark.what))}"))
    return Finding(
        kind,
        title,
        why,
        fix,
        (Side(remark.thread, words.thread(remark.thread), does, site, stack),),
        tuple(moments),
        reason=_PUBLIC,
    )


def _call(remark: Remark, words: Words) -> str:
    """What the line says, or the name of what blocks."""
    text = words.sources.line(remark.site.file, remark.site.line).strip() if remark.site is not None else ""
    return text or remark.what
