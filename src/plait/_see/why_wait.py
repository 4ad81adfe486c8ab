"""What one thread waits for, and what it holds, told from its stack and the source."""

from __future__ import annotations

import re
from typing import NamedTuple

from plait._see import why_source
from plait._see.why_dump import Frame, Thread
from plait._see.why_proc import kernel_wait
from plait._see.why_source import Call

# Names of functions of the standard library that mean a wait, the file they are in, and the kind. Read from the top.
_SHAPES = (
    ("_bootstrap>", "acquire", "import"),
    ("threading.py", "join", "join"),
    ("threading.py", "_wait_for_tstate_lock", "join"),
    ("_base.py", "result", "future"),
    ("_base.py", "exception", "future"),
    ("_base.py", "wait", "futures"),
    ("_base.py", "as_completed", "futures"),
    ("queue.py", "join", "queue join"),
    ("queue.py", "get", "queue get"),
    ("queue.py", "put", "queue put"),
    ("subprocess.py", "wait", "child"),
    ("subprocess.py", "_wait", "child"),
    ("subprocess.py", "communicate", "child"),
    ("multiprocessing/process.py", "join", "child"),
    ("thread.py", "_worker", "idle"),
    ("pool.py", "worker", "idle"),
    ("base_events.py", "_run_once", "loop"),
)
_FOR_TASKS = (("taskgroups.py", "__aexit__"), ("tasks.py", "wait"), ("tasks.py", "_wait"))
_CONDITIONS = {"Semaphore": "semaphore", "BoundedSemaphore": "semaphore", "Event": "event", "Barrier": "barrier"}
_LOCKS = ("acquire", "__enter__", "acquire_lock")
_QUEUES = {"get": "queue get", "put": "queue put"}
_WORDS = {"sleep": "sleep", "join": "join", "waitpid": "child", "wait": "event"}


class Key(NamedTuple):
    """What tells an object from others: where it, or what it is an attribute of, is in memory, and the attribute."""

    root: str
    path: str


class Wait(NamedTuple):
    """What a thread waits for.

    Attributes:
        kind: ``lock``, ``join``, ``queue get`` and so on; ``runs`` and ``C code`` when it does not wait; ``work`` for a
            map, scope or pool of plait, and ``plait`` for a thread of these; ``system`` when only the system tells,
            and then `what` is what it tells.
        what: what it waits for, as the source has it; "" if the source is not there.
        frame: the innermost frame of the user's own.
        key: what tells the object from others; None when it is not known.
        address: where the object is, from the frames of the standard library; 0 when it is not known.
        inside: whether it waits in a callback or coroutine of an event loop, which it holds up.
        pooled: the address of the queue of the pool that the thread works for; 0 for none.
        limited: whether it goes on by itself after a while.
    """

    kind: str
    what: str
    frame: Frame | None
    key: Key | None = None
    address: int = 0
    inside: bool = False
    pooled: int = 0
    limited: bool = False


class Holding(NamedTuple):
    """A lock that a thread has, as far as the source tells: the expression, where it was taken, by which frame."""

    expression: str
    key: Key
    frame: Frame
    line: int

    @property
    def place(self) -> str:
        """Where it was taken."""
        return self.frame._replace(line=self.line).place


def wait_of(thread: Thread) -> Wait:
    """What the thread waits for."""
    if thread.task:
        return _task_wait(thread)
    mine = next((at for at, frame in enumerate(thread.frames) if is_own(frame)), None)
    inner = thread.frames[: len(thread.frames) if mine is None else mine]
    frame = thread.frames[mine] if mine is not None else None
    outer = thread.frames[mine:] if mine is not None else ()
    loop = any(_is(one, "base_events.py", "_run_once") for one in outer)
    pool = next((one for one in thread.frames if _is(one, "thread.py", "_worker")), None)
    pooled = pool.variables["work_queue"].address if pool is not None and "work_queue" in pool.variables else 0
    if frame is None and any(_OURS.search(one.file) for one in inner):
        return Wait("plait", "", None)
    kind, address = _by_library(inner)
    if any(_OURS.search(one.file) and not one.file.endswith(_CHANNELS) for one in inner):
        return Wait("work", "", frame, None, 0, loop, pooled)
    call = _call(frame, kind)
    if not kind:
        kind = _by_line(thread, call)
    if kind == "something" and (known := kernel_wait(thread.where)):
        return Wait("system", known, frame, None, 0, loop, pooled)
    what = call.receiver if call is not None else ""
    key = key_of(frame, what) if frame is not None and what else None
    return Wait(kind, what, frame, key, address, loop, pooled, _limited(inner, call))


def _limited(inner: tuple[Frame, ...], call: Call | None) -> bool:
    """Whether the wait was given a timeout, as the standard library has it in a variable of that name, or the line."""
    given = next((frame.variables["timeout"].text for frame in reversed(inner) if "timeout" in frame.variables), None)
    if given is not None:
        return given not in ("", "None", "-1", "-1.0")
    return call is not None and not inner and call.limited


def holdings(thread: Thread) -> list[Holding]:
    """The locks that the thread has taken and not let go, as far as its source tells; innermost frame first."""
    found = []
    for frame in thread.frames:
        if not is_own(frame):
            continue
        for one in why_source.held(frame.file, frame.line):
            key = key_of(frame, one.expression)
            if key is not None:
                found.append(Holding(one.expression, key, frame, one.line))
    return found


def key_of(frame: Frame, expression: str) -> Key | None:
    """What tells the object of an expression from others; None for an expression that is no path of names."""
    if not _PATH.fullmatch(expression):
        return None
    itself = frame.variables.get(expression)
    if itself is not None:
        return Key(str(itself.address), "")
    root, _, path = expression.partition(".")
    thing = frame.variables.get(root)
    return Key(str(thing.address) if thing is not None else f"{frame.file}:{root}", path)


def is_own(frame: Frame) -> bool:
    """Whether the frame is the user's own code: not the standard library's, an installed package's, or ours."""
    return not frame.file.startswith("<frozen ") and _INSTALLED.search(frame.file) is None


def _task_wait(thread: Thread) -> Wait:
    frame = next((frame for frame in thread.frames if is_own(frame)), None)
    if any(_is(frame, "tasks.py", "sleep") for frame in thread.frames):
        return Wait("sleep", "", frame)
    what = why_source.awaited(frame.file, frame.line) if frame is not None else ""
    if what.startswith(("asyncio.sleep(", "sleep(")):
        return Wait("sleep", "", frame)
    what = what.removesuffix(".acquire()")
    # The variables are known from inside only; without them, equal names of two functions would mean the same.
    key = key_of(frame, what) if frame is not None and frame.variables else None
    others = any(_is(one, *function) for one in thread.frames for function in _FOR_TASKS)
    return Wait("tasks" if others or what.startswith("asyncio.gather(") else "await", what, frame, key)


def _by_library(inner: tuple[Frame, ...]) -> tuple[str, int]:
    """The kind of wait that the frames of the standard library beneath the user's mean, and the object's address."""
    for frame in reversed(inner):  # the outermost says what the user has called
        name = frame.function.rpartition(".")[2]
        owner = frame.variables.get("self")
        address = owner.address if owner is not None else 0
        for file, function, kind in _SHAPES:
            if frame.file.endswith(file) and name == function:
                return kind, address
        if frame.file.endswith("threading.py") and owner is not None:
            return _CONDITIONS.get(owner.type, "condition"), address
    return "", 0


def _by_line(thread: Thread, call: Call | None) -> str:
    """What a thread does whose innermost frame is the user's own: it waits in C code, or it runs."""
    if thread.busy:
        return "C code" if thread.has_gil else "runs"
    if call is None:
        return "something"
    if call.method in _LOCKS:
        return "lock"
    return _QUEUES.get(call.method) or _WORDS.get(call.method, "something")


def _call(frame: Frame | None, kind: str) -> Call | None:
    """The call in the user's line that waits."""
    found = why_source.calls(frame.file, frame.line) if frame is not None else ()
    wanted = {"join": ("join",), "future": ("result", "exception"), "queue get": ("get",), "queue put": ("put",)}
    names = wanted.get(kind, (*_LOCKS, *_QUEUES, *_WORDS))
    return next((call for call in found if call.method in names), found[0] if found else None)


def _is(frame: Frame, file: str, function: str) -> bool:
    return frame.file.endswith(file) and frame.function.rpartition(".")[2] == function


_OURS = re.compile(r"[/\\]plait[/\\]_(run|engines|core)[/\\]")
_CHANNELS = ("channel.py", "channel_waiter.py")
_PATH = re.compile(r"[\w.]+")
_INSTALLED = re.compile(r"[/\\](site-packages|dist-packages|lib[/\\]python3\.\d+t?|plait[/\\]_\w+)[/\\]")
