"""Exceptions of Python itself that name the defect: what they mean for threads, and what to change."""

from __future__ import annotations

import re
from typing import NamedTuple


class Known(NamedTuple):
    """An exception's text, as a pattern, and what is told of it; `{name}` fails in `{here}`.

    `racy` is whether a race is told instead where there is one.
    """

    pattern: str
    kind: str
    title: str
    why: str
    fix: str
    racy: bool = False


KNOWN = (
    Known(
        "attempted relative import with no known parent package",
        "fails under a schedule",
        "A module of a package, run as a script",
        "{name} imports a neighbour in {here}, as a part of a package does; but it is run as a script, and a script "
        "has no package.",
        "Check it as a module, from the folder above the package: `plait check -m package.module`.",
    ),
    Known(
        r"^TypeError: .* must be an iterable, .* in threading\.py$",
        "fails under every schedule",
        "Started with `args` that is no tuple",
        "{name} is started with one value as its `args`, which takes a tuple of all arguments: `(1)` is no tuple but "
        "the same as `1`.",
        "Write a comma behind the value, `args=(value,)`, which makes it a tuple.",
    ),
    Known(
        r"^TypeError: \S+\(\) (takes .* positional argument|missing \d+ required positional).* in threading\.py$",
        "fails under every schedule",
        "Started with the wrong number of arguments",
        "{name} is started with more or fewer arguments than its function takes. `args` is a tuple with one entry for "
        "each of them, and a text or a list that is given there counts as its letters or elements.",
        "Write `args=(value,)` for one argument, with the comma, and `args=(one, two)` for two.",
    ),
    Known(
        r"^TypeError: '\w+' object is not callable in (threading|thread)\.py$",
        "fails under every schedule",
        "Started with what is no function",
        "{name} is to call what it was given to run, and that is no function but a value: often what a function has "
        "returned that was called too early.",
        "Hand over the function itself, without parentheses, and its arguments beside it: `Thread(target=work, "
        "args=(1,))`, `pool.submit(work, 1)`.",
    ),
    Known(
        r"^TypeError: (a coroutine was expected, got|An asyncio\.Future, a coroutine or an awaitable is required)",
        "fails under every schedule",
        "A task of what is no coroutine",
        "{name} hands something to asyncio in {here} that is no coroutine: the function itself, without parentheses, "
        "or what a plain `def` returns, which has run to its end by then.",
        "Make it an `async def` and call it: `create_task(work(1))`. A plain function that takes long runs beside the "
        "loop with `asyncio.to_thread(work, 1)`.",
    ),
    Known(
        r"^TypeError: (object \S+ can't be used in 'await' expression|\S+ object can't be awaited)",
        "fails under every schedule",
        "An `await` of what nobody can await",
        "{name} awaits in {here} what a plain function gives: it has run to its end by then, and no other task could "
        "go on meanwhile.",
        "Leave the `await` away; or make it an `async def`; or, if it takes long, run it beside the loop: "
        "`await asyncio.to_thread(work, 1)`.",
    ),
    Known(
        "^TypeError: .* stands where Thread has a method _stop",
        "fails under every schedule",
        "An attribute `_stop` in the place of a method of Thread",
        "{name} waits in {here} for the end of a thread, or asks whether it is alive. Up to Python 3.12 that calls a "
        "method of Thread itself by the name `_stop`, and this class has put something else there.",
        "Give the attribute another name: `self.stop_event = threading.Event()`.",
    ),
    Known(
        r"^RuntimeError: (dictionary|OrderedDict|[Ss]et|deque) (changed size|keys changed|mutated) during iteration",
        "changed while iterated",
        "Changed while it is iterated over",
        "{name} goes through a dict, a set or a deque in {here}, and meanwhile something was put in or taken out: by "
        "another thread, in code that is not yours; by a handler of a signal, or a finalizer; or in the loop itself.",
        "Go through a copy, `list(things)`, which is one step; or hold one lock over the loop, and over each change.",
    ),
    Known(
        r"^CancelledError: .* in (?!_base\.py)",  # which is where futures of threads say it
        "fails under a schedule",
        "Cancelled with another task",
        "{name} gets a CancelledError in {here}. If nobody has cancelled it, somebody else was cancelled who awaits "
        "the same: `cancel()` goes on to what a task awaits, and everybody who awaits that gets it.",
        "Await what others await, too, behind a shield, wherever one may be cancelled alone: `await "
        "asyncio.shield(task)`. Or see in an `except asyncio.CancelledError:` whether it was meant: "
        "`asyncio.current_task().cancelling()` is 0 if not.",
    ),
    Known(
        "called while another coroutine is already waiting for incoming data",
        "fails under a schedule",
        "Two tasks that read from one stream",
        "{name} reads from a stream in {here} while another task waits for data of the same one. What comes is one "
        "sequence of bytes: nobody could say who of them gets what.",
        "Let one task read, and hand on what it has got: through an asyncio.Queue, or a future for each who waits. Or "
        "hold one asyncio.Lock from the question to its answer.",
    ),
    Known(
        "^RuntimeError: threads can only be started once",
        "fails under a schedule",
        "A thread that is started twice",
        "{name} starts a thread in {here} that has been started before. A Thread runs once, and is used up then.",
        "Make a new one each time, `Thread(target=work)`, right before its `start()`; or keep one that takes what is "
        "to be done from a queue.",
        racy=True,
    ),
    Known(
        "^ValueError: signal only works in main thread",
        "fails under every schedule",
        "A handler of signals that is set outside the main thread",
        "{name} sets a handler of a signal in {here}. Python allows that in the main thread only, which is also the "
        "one that calls it, whatever the other threads do.",
        "Set it in the main thread, before the others are started; what it is to tell them goes through a "
        "threading.Event. Code that sets handlers itself, such as servers and runners, belongs in the main thread.",
    ),
    Known(
        "^ValueError: Pool is still running",
        "fails under every schedule",
        "A pool that is joined before it is closed",
        "{name} waits in {here} for the end of a pool that may still be given work, so it would never end.",
        "Call `pool.close()` first, when it has been given everything; or leave the `join()` away and ask for the "
        "results.",
    ),
    Known(
        r"^(PicklingError|AttributeError|TypeError): (Can't pickle|[Cc]annot pickle|Can't get local object)",
        "fails under every schedule",
        "Something that cannot go to another process",
        "Something is handed over in {here} that cannot be pickled. Functions and classes go as a name, under which "
        "the other process has to find them: a lambda, and what is defined within a function, have none. Locks, open "
        "files and connections cannot go at all.",
        "Define it with `def` or `class` at the top level of the module, and make locks, files and connections over "
        "there. `plait.map(function, items, engine='process')` takes lambdas and inner functions as they are.",
    ),
    Known(
        r"^RuntimeError: (asyncio\.run\(\) cannot be called from a running event loop|This event loop is already "
        r"running|Cannot run the event loop while another loop is running)",
        "fails under every schedule",
        "An event loop within an event loop",
        "{name} starts an event loop in {here}, but the thread is in the middle of one: this code was called by a "
        "coroutine. A thread has one loop at a time.",
        "Write `await` in place of it, and make the functions in between `async def`. Plain code that must not change "
        "runs beside the loop, `await asyncio.to_thread(function)`, and may have a loop of its own there.",
    ),
    Known(
        r"^RuntimeError: There is no current event loop in thread",
        "fails under every schedule",
        "No event loop in this thread",
        "{name} asks for the event loop of its thread in {here}, and has none: asyncio makes one by itself in the main "
        "thread only.",
        "Run the coroutine with `asyncio.run(...)` there; or hand it to the loop that there is, from which the thread "
        "has to be told: `asyncio.run_coroutine_threadsafe(coroutine, loop)`.",
    ),
    Known(
        r"^OperationalError: database (table )?is locked",
        "fails under a schedule",
        "A database that is locked by another connection",
        "{name} wants to write to it in {here}, and has waited in vain: another connection has changed something, and "
        "not committed it yet. SQLite lets one write at a time, from the first change to the `commit()`.",
        "Commit right behind the change, `with connection:` around it, before anything that takes long; raise "
        "`sqlite3.connect(..., timeout=...)`; or hand all writing to one thread, through a queue.",
    ),
    Known(
        "^RuntimeError: main thread is not in main loop|^RuntimeError: Calling Tcl from different ap",
        "fails under a schedule",
        "A window that another thread uses",
        "{name} uses something of tkinter in {here}. That belongs to the thread that has made it, which is in its "
        "`mainloop()` or not.",
        "Put what is to be shown into a queue.Queue, and have the main thread look into it: `root.after(100, look)`.",
    ),
    Known(
        "cannot join current thread",
        "waits for itself",
        "A thread that joins itself",
        "{name} calls join() of itself in {here}: it would wait for its own end, which comes only behind that line.",
        "Leave the join() to the thread that started it; or skip it there: `if threading.current_thread() is not "
        "thread: thread.join()`.",
    ),
    Known(
        "cannot join thread before it is started",
        "used before ready",
        "Joined before it is started",
        "{name} joins a thread in {here} that has been made and is in its place, but has not been started yet: the "
        "thread that makes it was stopped in between.",
        "Start it first, and store it where others find it after that; or hold one lock over both, and over the join.",
    ),
    Known(
        "_local' object has no attribute",
        "used before ready",
        "A thread-local that this thread has not set",
        "{name} reads an attribute of a threading.local in {here} that other threads have set, but not this one: each "
        "thread has values of its own there, and none to begin with.",
        "Set it in every thread before it is used: in the `initializer=` of the pool, or in the `__init__` of a "
        "subclass of threading.local.",
    ),
    Known(
        "^ProgrammingError: SQLite objects created in a thread can only be used in that same thread",
        "fails under a schedule",
        "A database connection of another thread",
        "{name} uses a connection or a cursor of SQLite in {here} that another thread has opened. sqlite3 refuses "
        "that, whatever the locks: each serves the thread in which it was made.",
        "Open one for each thread, kept in a `threading.local`; or open it with `check_same_thread=False` and hold one "
        "lock over everything that is done with it, from `execute()` to the last `fetch`.",
    ),
    Known(
        "generator already executing",
        "shared iterator",
        "A generator shared by threads",
        "{name} asks a generator for its next value in {here} while another thread is inside it. A generator runs for "
        "one thread at a time and has no lock.",
        "Take the next value under a lock (`with lock: value = next(generator)`), or hand the values out through a "
        "queue.Queue.",
    ),
    Known(
        "asynchronous generator is already running",
        "shared iterator",
        "An async generator shared by tasks",
        "A task asks an async generator for its next value in {here} while another task is inside it. A generator runs "
        "for one task at a time and has no lock.",
        "Let one task go through it and put the values into an asyncio.Queue, from which the others take.",
    ),
    Known(
        r"^RuntimeError: cannot (wait on|notify on) un-?acquired lock",
        "fails under a schedule",
        "A condition that is used without its lock",
        "{name} waits on a condition, or notifies it, in {here}, and does not hold the lock of the condition. Python "
        "refuses that: between a look at what is waited for and the wait, or between a change and the notify, another "
        "thread could come.",
        "Put {here} into the `with` block of the condition (`with condition:`, `async with condition:` in a task), "
        "together with the check before the wait, or the change before the notify.",
    ),
    Known(
        r"released too many times|release unlocked lock|release un-acquired lock|Lock is not acquired|"
        r"task_done\(\) called too many times",
        "fails under a schedule",
        "Given back more often than taken",
        "{name} gives something back in {here} that it does not have: this way through the program has done so "
        "already, or has not come to the taking.",
        "Give back once for each time it was taken: use `with`, or one `finally:` that belongs to the one `acquire()`.",
    ),
    Known(
        "cannot re-enter the tee iterator",
        "shared iterator",
        "The copies of itertools.tee, used by two threads",
        "{name} asks one of the iterators that itertools.tee() gave for its next value in {here} while another thread "
        "asks its twin. Both take from the same source, and have no lock.",
        "Let one thread read the source and hand the values to each consumer through a queue.Queue; or give each a "
        "list.",
    ),
    Known(
        "^KeyError: .* in weakref.py$",
        "used after the end",
        "An entry of a weak dictionary that is gone",
        "{name} takes an entry of a weak dictionary in {here} that is not there any more. An entry goes with the last "
        "one who holds its value, at any moment: also between a check and the use.",
        "Ask once and hold the answer: `value = known.get(key)`, then `if value is None: ...`.",
    ),
    Known(
        "^ReferenceError: weakly-referenced object no longer exists",
        "used after the end",
        "A weak proxy whose object is gone",
        "{name} uses a weak proxy in {here}, and the object behind it is not there any more: it goes with the last one "
        "who holds it, at any moment.",
        "Use `weakref.ref` and hold its answer while you work: `found = ref()`, then `if found is None: ...`.",
    ),
    Known(
        r"^TypeError: '<' not supported between instances of .* in (queues?|heapq)\.py$",
        "fails under a schedule",
        "Two entries of a priority queue that cannot be compared",
        "{name} uses a priority queue in {here} that has two entries with the same priority at that moment. They are "
        "compared by what comes next in them, and that has no order. In schedules that pass, one is gone before the "
        "other comes.",
        "Put a number between the two that is never the same: `queue.put((priority, next(numbers), item))` with "
        "`numbers = itertools.count()`; or give the items an order (`@dataclass(order=True)`).",
    ),
    Known(
        r"^QueueFull: .* in queues\.py$",
        "fails under a schedule",
        "No room in a queue at this moment",
        "{name} puts an item into a queue in {here} without waiting, and the queue is full: under this schedule those "
        "who take from it come later.",
        "Wait until there is room, `await queue.put(item)`; or catch `asyncio.QueueFull`, and say what becomes of the "
        "item.",
    ),
    Known(
        r"^QueueEmpty: .* in queues\.py$",
        "fails under a schedule",
        "Nothing in a queue at this moment",
        "{name} takes an item from a queue in {here} without waiting, and the queue is empty: under this schedule "
        "those who put into it come later, or another task was faster.",
        "Wait until there is one, `await queue.get()`; or catch `asyncio.QueueEmpty`.",
    ),
    Known(
        "^InvalidStateError: invalid state",  # as asyncio says it
        "check then act",
        "A future that is given its result twice",
        "{name} gives a future its result in {here} when it has one already, or was cancelled.",
        "Ask right before, with no `await` in between: `if not future.done(): future.set_result(...)`. From another "
        "thread have the loop do both: `loop.call_soon_threadsafe(...)` of a function that asks and sets.",
    ),
    Known(
        "^InvalidStateError: ",
        "check then act",
        "A future that is given its result twice",
        "{name} gives a future its result in {here} when it has one already, or was cancelled. Asking `done()` before "
        "is no help: another one can come in between.",
        "Let one place only give the result. Where several race for it, let the first one win: hold one lock over the "
        "question and the answer, or catch `InvalidStateError`.",
    ),
    Known(
        "bound to a different event loop|attached to a different loop",
        "loop used from another thread",
        "Used in another event loop than its own",
        "{name} awaits something in {here} that belongs to another event loop: what asyncio makes serves one loop, "
        "and each `asyncio.run(...)` has one of its own.",
        "Make it inside the coroutine that `asyncio.run` runs, and keep to one loop; ask another thread's loop with "
        "`asyncio.run_coroutine_threadsafe(...)`.",
    ),
    Known(
        "cannot schedule new futures after",
        "used after the end",
        "Submitted after the end of the pool",
        "{name} submits work in {here} after the pool was shut down, by another thread or by the end of its `with` "
        "block.",
        "Wait for everything that may still submit before the pool is shut down; or submit from one thread only.",
    ),
)


def known(error: BaseException | None, file: str = "") -> Known | None:
    """What is known of the exception, which came out of this file; None for most, and for what only quotes others.

    >>> known(ValueError("generator already executing")).kind
    'shared iterator'
    """
    if error is None or isinstance(error, AssertionError | SystemExit):
        return None
    text = f"{type(error).__name__}: {error} in {file}"
    return next((one for one in KNOWN if re.search(one.pattern, text)), None)
