"""What one thread waits for, told from its stack and the source."""

from __future__ import annotations

import re
from itertools import dropwhile, takewhile
from typing import NamedTuple

from plait._see.services import SERVICES
from plait._see.why import source
from plait._see.why.dump import Frame, Thread
from plait._see.why.keys import Key, is_own, key_of, shown, taken_at, takes_turns
from plait._see.why.proc import kernel_wait
from plait._see.why.source import Call
from plait._see.why.teams import crew_of

TKINTER = "tkinter/__init__.py"
# Names of functions of the standard library that mean a wait, the file they are in, and the kind. Read from the top.
_SHAPES = (
    ("_bootstrap>", "acquire", "import"),
    ("threading.py", "join", "join"),
    ("threading.py", "_wait_for_tstate_lock", "join"),
    ("threading.py", "_shutdown", "exit"),
    ("_base.py", "result", "future"),
    ("_base.py", "exception", "future"),
    ("_base.py", "wait", "futures"),
    ("_base.py", "as_completed", "futures"),
    ("multiprocessing/queues.py", "_feed", "feeder"),
    ("multiprocessing/queues.py", "get", "queue get"),
    ("multiprocessing/queues.py", "put", "queue put"),
    ("multiprocessing/queues.py", "join", "queue join"),
    ("multiprocessing/pool.py", "get", "future"),
    ("multiprocessing/pool.py", "wait", "future"),
    ("multiprocessing/pool.py", "next", "future"),
    *((file, function, "service") for file, function in SERVICES),
    ("concurrent/futures/process.py", "_process_worker", "idle"),
    ("loky/process_executor.py", "_process_worker", "idle"),
    ("billiard/pool.py", "workloop", "idle"),
    ("queue.py", "join", "queue join"),
    ("queue.py", "get", "queue get"),
    ("queue.py", "put", "queue put"),
    ("subprocess.py", "wait", "child"),
    ("subprocess.py", "_wait", "child"),
    ("subprocess.py", "communicate", "child"),
    ("multiprocessing/process.py", "join", "child"),
    ("thread.py", "_worker", "idle"),
    ("pool.py", "worker", "idle"),
    *((TKINTER, name, "window") for name in ("mainloop", "wait_window", "wait_variable", "wait_visibility")),
    ("_run/channel.py", "get", "channel get"),
    ("_run/channel.py", "put", "channel put"),
)
_BOTTOM = ("_bootstrap", "_bootstrap_inner", "run")
_CONDITIONS = {"Semaphore": "semaphore", "BoundedSemaphore": "semaphore", "Event": "event", "Barrier": "barrier"}
_TOLD_BY_NAME = (
    "join",
    "exit",
    "future",
    "futures",
    "queue join",
    "queue get",
    "queue put",
    "channel get",
    "channel put",
    "child",
    "idle",
    "service",
    "feeder",
    "window",
    "window call",
)
_BRIEFLY = (  # who runs is in them for moments
    "lock",
    "semaphore",
    "condition",
    "event",
    "queue get",
    "queue put",
    "window call",
)
_MANAGERS = "multiprocessing/managers.py"
_LOCKS = ("acquire", "__enter__", "acquire_lock")
_SENDS = ("send", "sendall", "sendmsg", "sendto", "sendfile")  # the kernel waits in one place for this and for recv()
_EITHER = "wait_woken"  # where the kernel waits for either of these
_BY_END = {"socket": "waits for something to come through a socket", "terminal": "waits for a key"}
_OF_QUEUES = ("get", "put", "join", "recv", "")
_QUEUES = {"get": "queue get"}  # those in C, whose put() never waits
_WORDS = {"sleep": "sleep", "join": "join", "waitpid": "child", "wait": "event"}

_WORKERS = "anyio/_backends/_asyncio.py"  # as FastAPI and Starlette have for functions that are not async

ROOM = "waits for room in a socket"

_DAY = 86_400.0  # seconds


class Wait(NamedTuple):
    """What a thread waits for.

    Attributes:
        kind: ``lock``, ``join``, ``queue get`` and so on; ``runs`` and ``C code`` when it does not wait; ``work`` for a
            map, scope or pool of plait, and ``plait`` for a thread of these; ``system`` when only the system tells,
            and then `what` is what it tells.
        what: what it waits for, as the source has it; "" if the source is not there.
        frame: the innermost frame of the user's own.
        keys: what tells a lock from others, and what it is wrapped in; none when that is not known.
        address: where the object is, from the frames of the standard library; 0 when it is not known.
        inside: whether it waits in a callback or coroutine of an event loop, which it holds up.
        pooled: the address of the queue of the pool that the thread works for, or of its crew; 0 for none.
        limited: whether it goes on by itself after a while.
        deep: the frame of a library that waits for the user's own, where the source tells what for; None for none.
        owner: the thread that has the lock, as the lock itself says; 0 when it does not.
        shared: whether other processes can end the wait, too.
    """

    kind: str
    what: str
    frame: Frame | None
    keys: tuple[Key, ...] = ()
    address: int = 0
    inside: bool = False
    pooled: int = 0
    limited: bool = False
    deep: Frame | None = None
    owner: int = 0
    shared: bool = False


def wait_of(thread: Thread) -> Wait:
    """What a thread waits for that is no task."""
    mine = _mine(thread)
    inner = thread.frames[: len(thread.frames) if mine is None else mine]
    frame = thread.frames[mine] if mine is not None else None
    outer = thread.frames[mine:] if mine is not None else ()
    loop = any(one.runs_loop or one.calls_back for one in outer)
    pooled = _pooled(thread)
    if frame is None and any(_PARTS.search(one.file) for one in inner):
        inner = tuple(takewhile(lambda one: not _PARTS.search(one.file), inner))
        if not inner or not crew_of(thread) or any(one.runs_loop for one in inner):
            return Wait("plait", "", None, pooled=pooled)
    kind, address = _by_library(inner)
    ours = any(_OURS.search(one.file) and not one.file.endswith(_CHANNELS) for one in inner)
    if ours and not kind.startswith("channel"):
        return Wait("work", "", frame, (), address, loop, pooled)
    if inner and inner[0].is_of("threading.py", "__enter__") and kind != "semaphore":
        kind = "lock"  # that of the condition, which a queue or event begins with
    deep = _deep(inner, kind)
    call = _call(deep or frame, kind, thread.where)
    if not kind:
        kind = _by_line(thread, call)
    if thread.busy and not thread.where and kind in _BRIEFLY:
        kind = "runs"
    if kind == "lock" and thread.where and not thread.where.startswith("futex"):
        kind = "something"
    shared = any(_PROCESSES.search(one.file) for one in inner) or _is_of_processes(deep or frame, call)
    if kind == "something" and (known := _by_system(thread, call)):
        taken = () if inner or frame is None else _of_line(frame)  # in C code of its body
        asks = tuple(dropwhile(lambda one: not one.is_in(_MANAGERS, _LOCKS), inner)) or inner
        keys = tuple(key for key in _keys((*asks, *outer), "lock") if key not in taken)
        called = _called(inner) if frame is None else None
        return Wait("system", known, frame, keys, address, loop, pooled, bool(thread.moved), called, shared=shared)
    if kind in ("something", "runs", "C code"):
        deep = None
    what = _what(deep or frame, kind, call)
    keys, owner = _keys((*inner, *outer), kind), _owner(deep or frame, what)
    if deep is not None:
        what = shown(deep, what)
    elif frame is not None and kind in ("lock", "condition"):
        frame, deep = _called_for(outer)
    limited = _limited(inner, call) or bool(thread.moved)
    return Wait(kind, what, frame, keys, address, loop, pooled, limited, deep, owner, shared)


def shows_windows(thread: Thread) -> bool:
    """Whether the main loop of a window runs in it, or what that has called."""
    return any(frame.is_of(TKINTER, "mainloop") for frame in thread.frames)


def _mine(thread: Thread) -> int | None:
    """Where in the stack the innermost frame of the user's own is; None for no such frame.

    A helper process, started as ``python -c "from ... import main; main()"``, has none.
    """
    mine = next((at for at, frame in enumerate(thread.frames) if is_own(frame)), None)
    if mine and thread.frames[mine].file == "<string>" and any(thread.frames[mine - 1].is_of(*one) for one in SERVICES):
        return None
    return mine


def _by_system(thread: Thread, call: Call | None) -> str:
    """What a thread waits for as the system tells; "" when it does not."""
    known = kernel_wait(thread.where or thread.moved)
    if "socket" in known and any(frame.is_in(_MANAGERS, ("_callmethod",)) for frame in thread.frames):
        return "waits for the answer of a manager"
    if "socket" in known and call is not None and call.method in _SENDS:
        return ROOM
    if thread.other_end is not None and thread.where.startswith(_EITHER):
        return _BY_END.get(thread.other_end.kind, known)
    return known


def _gets_work(inner: tuple[Frame, ...]) -> bool:
    """Whether the worker of a pool of anyio waits for the next function to run."""
    frames = [frame for frame in inner if not frame.file.endswith(("threading.py", "queue.py"))]
    return len(frames) == 1 and frames[0].is_of(_WORKERS, "run")


def _what(frame: Frame | None, kind: str, call: Call | None) -> str:
    """What is waited for: any of what ``with a, b:`` enters, where the place in the line is not known."""
    if frame is None:
        return ""
    if kind in ("queue get", "queue put") and call is not None and call.method not in _OF_QUEUES:
        return "a queue"  # within the standard library, such as logging
    if kind == "channel get" and (call is None or call.method != "get"):
        return source.iterated(frame.file, frame.line)
    together = source.entered_together(frame.file, frame.line, frame.column)
    return "" if call is None else " or ".join(together) if call.receiver in together else call.receiver


def _is_of_processes(frame: Frame | None, call: Call | None) -> bool:
    """Whether a line takes a lock of `multiprocessing`, whose acquire() is C code: the others' class is ``lock``."""
    thing = frame.variables.get(call.receiver) if frame is not None and call is not None else None
    return thing is not None and thing.type == "Lock"


def _deep(inner: tuple[Frame, ...], kind: str) -> Frame | None:
    """The frame of a library that waits, where that is another one than the user's own has called for it."""
    if not inner or inner[0].file[:1] == "<":
        return None
    if kind in ("queue get", "queue put"):  # such as a pool of connections is made of
        return next((one for one in inner if _LIBRARY.search(one.file) and one.name not in _OF_QUEUES), None)
    if kind in _TOLD_BY_NAME:
        return None
    return next((one for one in inner if not _NO_WRAPPER.search(one.file)), None)


def _called(inner: tuple[Frame, ...]) -> Frame | None:
    """What a thread has been given to run, where that is a function of a library: ``to_thread(requests.get, url)``."""
    if not inner or not inner[-1].is_of("threading.py", "_bootstrap"):
        return None
    return next((one for one in reversed(inner) if _LIBRARY.search(one.file)), None)


def _called_for(outer: tuple[Frame, ...]) -> tuple[Frame, Frame | None]:
    """Who has called a method of the user's own in order to take what that waits for; and that, if it is another."""
    at = 0
    while at + 1 < len(outer) and is_own(outer[at]) and source.takes_for_its_caller(outer[at].file, outer[at].line):
        at += 1
        while at + 1 < len(outer) and outer[at].file.endswith("contextlib.py"):
            at += 1
    return (outer[at], outer[0]) if at and is_own(outer[at]) else (outer[0], None)


def _keys(frames: tuple[Frame, ...], kind: str) -> tuple[Key, ...]:
    """As what a lock is known: where it waits, and to whoever has called that in order to take a lock."""
    if kind == "condition":  # that a lock with a state of its own, such as one for readers and writers, waits for
        frames = tuple(frame for frame in frames if not _NO_WRAPPER.search(frame.file))
        if not frames or not source.takes_for_its_caller(frames[0].file, frames[0].line):
            return ()
        frames = frames[1:]
    elif kind == "semaphore":
        frames = tuple(dropwhile(lambda frame: _NO_WRAPPER.search(frame.file) is not None, frames))
    elif kind != "lock":
        return ()
    return tuple(key for key in taken_at(frames) if key is not None)


def _of_line(frame: Frame) -> tuple[Key | None, ...]:
    """What the line of a frame takes."""
    taking = source.taking(frame.file, frame.line, frame.column)
    return (key_of(frame, taking),) if taking else ()


def _pooled(thread: Thread) -> int:
    """The queue of the pool that a thread works for, or its crew, by its address; 0 for none."""
    for frame in thread.frames:
        for file, function, variable in (("thread.py", "_worker", "work_queue"), ("pool.py", "worker", "inqueue")):
            if frame.is_of(file, function) and variable in frame.variables:
                return frame.variables[variable].address
    return crew_of(thread)


def _owner(frame: Frame | None, what: str) -> int:
    """The thread that an RLock says it belongs to."""
    thing = frame.variables.get(what) if frame is not None else None
    return int(thing.text) if thing is not None and thing.type == "RLock" and thing.text.isdigit() else 0


def _limited(inner: tuple[Frame, ...], call: Call | None) -> bool:
    """Whether the wait was given a timeout, as the standard library has it in a variable of that name, or the line."""
    given = next((frame.variables["timeout"].text for frame in reversed(inner) if "timeout" in frame.variables), None)
    if given is not None:
        return _is_limit(given)
    return call is not None and not inner and call.limited


def _is_limit(given: str) -> bool:
    """Whether a timeout ends a wait: a day or more is what loops have that lack a timer."""
    try:
        return 0 <= float(given) < _DAY
    except ValueError:  # an object of a library
        return given not in ("", "None")


def _by_library(inner: tuple[Frame, ...]) -> tuple[str, int]:
    """The kind of wait that the frames of the standard library beneath the user's mean, and the object's address."""
    if any(frame.is_of("thread.py", "run") for frame in inner):  # a task that is a method of the library's own
        inner = tuple(frame for frame in inner if not frame.file.endswith("thread.py"))
    for frame in reversed(inner):  # the outermost says what the user has called
        name = frame.name
        if frame.file.endswith("threading.py") and name in _BOTTOM:
            continue
        owner = frame.variables.get("self")
        address = owner.address if owner is not None else 0
        if frame.runs_loop:
            return "loop", address
        for file, function, kind in _SHAPES:
            if frame.is_of(file, function):
                return "idle" if kind == "queue get" and _gets_work(inner) else kind, address
        if frame.file.endswith(TKINTER):
            return "window call", address
        if frame.file.endswith(("threading.py", "multiprocessing/synchronize.py")) and owner is not None:
            if takes_turns(frame):
                if frame is inner[0]:
                    return "lock", address
                continue  # it has the lock, and what it is made of waits
            if name == "__enter__" and _CONDITIONS.get(owner.type) != "semaphore":
                return "lock", address
            kind = _CONDITIONS.get(owner.type, "condition")
            return "lock" if kind == "event" and name != "wait" else kind, address  # set() waits for its lock only
    return "", 0


def _by_line(thread: Thread, call: Call | None) -> str:
    """What a thread does whose innermost frame is the user's own: it waits in C code, or it runs."""
    if thread.busy:
        return "C code" if thread.has_gil else "runs"
    if call is None:
        return "something"
    if call.method in _LOCKS:
        return "lock"
    queues = _QUEUES if not thread.where or thread.where.startswith("futex") else {}  # requests.get() is none
    return queues.get(call.method) or _WORDS.get(call.method, "something")


def _call(frame: Frame | None, kind: str, where: str) -> Call | None:
    """The call in the user's line that waits. Who sleeps is in another function of the kernel than who wants a lock."""
    found = source.calls(frame.file, frame.line, frame.column) if frame is not None else ()
    if where.startswith("futex"):
        found = tuple(call for call in found if call.method != "sleep") or found
    wanted = {"join": ("join",), "future": ("result", "exception"), "queue get": ("get",), "queue put": ("put",)}
    wanted |= {"channel get": ("get",), "channel put": ("put",)}
    names = wanted.get(kind, (*_LOCKS, *_QUEUES, *_WORDS))
    return next((call for call in found if call.method in names), found[0] if found else None)


_OURS = re.compile(r"[/\\]plait[/\\]_(run|engines|core)[/\\]")
_PARTS = re.compile(r"[/\\]plait[/\\]_\w+[/\\]")
_CHANNELS = ("channel.py", "channel_waiter.py")
_PROCESSES = re.compile(  # those of the standard library, and what Celery, loky and pathos have made of them
    r"[/\\](multiprocessing|billiard|loky[/\\]backend|multiprocess)[/\\](queues|synchronize|connection|managers)\.py$"
)
_LIBRARY = re.compile(r"[/\\](site|dist)-packages[/\\]")
_NO_WRAPPER = re.compile(r"[/\\](threading|queue|_base|contextlib)\.py$|[/\\](multiprocessing|concurrent)[/\\]")
