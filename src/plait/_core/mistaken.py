"""Options and names as other libraries have them: what to say of them, and what they are called here."""

from __future__ import annotations

from _collections_abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_WORKERS = "max_workers num_workers n_workers n_jobs jobs num_threads threads num_processes processes concurrency"
_MEANT = {
    **dict.fromkeys(_WORKERS.split(), ("workers",)),
    **dict.fromkeys(("backend", "executor", "pool", "mode"), ("engine",)),
    **dict.fromkeys(("retries", "max_retries", "attempts", "max_attempts", "tries", "stop"), ("retry", "times")),
    **dict.fromkeys(("delay", "wait", "initial_delay", "base_delay"), ("backoff",)),
    **dict.fromkeys(("max_delay", "max_wait", "max_backoff"), ("longest",)),
    **dict.fromkeys(("exceptions", "exception", "errors", "retry_on"), ("on",)),
    **dict.fromkeys(("maxsize", "max_size", "maxlen", "capacity", "buffer", "buffersize"), ("size",)),
    **dict.fromkeys(("memory", "memory_limit", "max_memory"), ("memory_bytes",)),
    **dict.fromkeys(("bar", "progress_bar", "progressbar", "verbose", "desc"), ("progress",)),
    **dict.fromkeys(("timeout", "deadline", "time_limit", "max_time"), ("timeout", "deadline")),
    **dict.fromkeys(("rate_limit", "max_per_second"), ("rate",)),
    **dict.fromkeys(("ordered", "unordered", "return_as"), ("order",)),
    **dict.fromkeys(("cache", "checkpoint"), ("journal",)),
}
_INSTEAD = {
    **dict.fromkeys(("chunksize", "chunk_size", "batch_size", "pre_dispatch"), "batches are sized by themselves"),
    "return_exceptions": "its .outcomes() gives errors as values",
    **dict.fromkeys(("timeout", "retry", "progress", "journal", "rate", "order"), "plait.map has it"),
    "workers": "plait.map, plait.scope and plait.Pool have it",
    "initializer": "plait.Pool has it; @plait.per_worker sets something up in each worker",
    "total": "the length of the input is used where it has one",
    "resume": "journal=FILE records every result and resumes from it",
    "daemon": "nothing outlives its block or loop",
    "thread_name_prefix": "plait.current().worker is the name of the worker that runs a call",
    "mp_context": "workers are not forked from the program, so there is no way of starting them to choose",
    **dict.fromkeys(
        ("max_tasks_per_child", "maxtasksperchild"),
        "engine=plait.engines.ProcessEngine(memory_bytes=...) replaces workers that grow",
    ),
}


def known_options(call: str, *, wants: str = "") -> Callable[[F], F]:
    """Decorates what users know as `call`: an option that it does not have is answered by what may be meant.

    The function itself needs no parameter for those, which everything that shows signatures would show. Where it is
    called without what it needs, what it `wants` is said.
    """

    def decorate(fn: F) -> F:
        code = fn.__code__
        names = code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]
        has = [name for name in names if name != "self"]
        known = frozenset(has)
        needed = code.co_varnames[: code.co_argcount - len(fn.__defaults__ or ())]

        @wraps(fn)
        def checked(*args: Any, **options: Any) -> Any:
            if not known.issuperset(options):
                name = next(name for name in options if name not in known)
                raise no_option(call, name, has, args[0] if args else None)
            if len(args) < len(needed) and not options.keys() >= set(needed[len(args) :]):
                raise TypeError(f"{call}(): expected {wants}")
            return fn(*args, **options)

        return cast("F", checked)

    return decorate


def no_option(call: str, name: str, options: Iterable[str], function: object = None) -> TypeError:
    """What to raise where `call` was given an option that it does not have; it may be one of the user's `function`.

    >>> str(no_option("plait.map", "max_workers", ("engine", "workers")))
    'plait.map() has no option max_workers=; did you mean workers=? It has engine=, workers='
    """
    from difflib import get_close_matches  # only to say it

    has = list(options)
    if callable(function) and name in _parameters(function):
        fn = getattr(function, "__name__", "fn").replace("<lambda>", "fn")
        return TypeError(
            f"{call}() has no option {name}=; to pass it to the function, write functools.partial({fn}, {name}=...)"
        )
    found = [meant for meant in _MEANT.get(name, ()) if meant in has] or get_close_matches(name, has, n=1, cutoff=0.7)
    hint = (
        f"did you mean {found[0]}=? It has" if found else f"{_INSTEAD[name]}. It has" if name in _INSTEAD else "it has"
    )
    return TypeError(f"{call}() has no option {name}=; {hint} {', '.join(f'{each}=' for each in has)}")


def _parameters(function: Callable[..., object]) -> Iterable[str]:
    from inspect import signature  # only to say it

    try:
        return signature(function).parameters
    except (TypeError, ValueError):  # of C code that does not tell
        return ()


_SCOPE = "start functions with s.submit(fn) in `with plait.scope() as s:`"
_MAP = "plait.map(fn, items) runs a function for many items"
_SAME = "those of threading work in what plait runs"
_POOL = "plait.Pool is an executor"
_OPTION = "it is an option of plait.map"
_EVERY = 'plait.map(fn, itertools.repeat(x), rate="1/min") runs a function once a minute, and a scope can stop it'
_MANAGER = "functions return what they find; where they must change one thing together, use multiprocessing.Manager()"
_NAMES = {
    **dict.fromkeys(("Thread", "Process", "submit", "run", "spawn", "TaskGroup", "create_task"), _SCOPE),
    **dict.fromkeys(("gather", "starmap", "imap", "Parallel", "parallel", "as_completed"), _MAP),
    **dict.fromkeys(("Lock", "RLock", "Event", "Semaphore", "Condition", "Barrier"), _SAME),
    **dict.fromkeys(("Executor", "ThreadPoolExecutor", "ProcessPoolExecutor", "ThreadPool"), _POOL),
    **dict.fromkeys(("retry", "timeout", "progress", "journal", "rate", "order"), _OPTION),
    **dict.fromkeys(("every", "periodic", "schedule", "repeat", "interval"), _EVERY),
    **dict.fromkeys(("Manager", "Value", "Array", "shared_memory", "SharedMemory"), _MANAGER),
    **dict.fromkeys(("background", "go", "fire_and_forget", "Timer", "nursery"), _SCOPE),
    **dict.fromkeys(("cancelled", "is_cancelled"), "plait.current().cancelled says so in a function that plait runs"),
    **dict.fromkeys(("Queue", "Channel", "queue"), "plait.channel(size) hands items from task to task"),
}


def instead_of(name: str) -> str:
    """What to use where a program asks plait for a name that other libraries have, after a semicolon; or nothing.

    >>> instead_of("Queue")
    '; plait.channel(size) hands items from task to task'
    """
    return f"; {_NAMES[name]}" if name in _NAMES else ""


_LIST = "the results come one by one: write list(plait.map(fn, items)) to have them all"
_OUTCOMES = "loop over its .outcomes(), each of which has .ok, .value and .error"
_SUBMIT = "write s.submit(fn, x)"
_LOOP = "whoever reads writes `for item in channel`, which ends when it is closed, and the scope waits for them"
_SEEN = "what it would say may be different a moment later; channel.get(timeout=0) raises WaitTimeout where nothing is"
_ATTRIBUTES = {
    "Pool": {
        "apply": "write pool.submit(fn, x).result()",
        "apply_async": "write pool.submit(fn, x), which returns a future",
        "map_async": "pool.map(fn, items) does not wait before its first result is asked for",
        **dict.fromkeys(("starmap", "starmap_async"), "write plait.map(lambda item: fn(*item), items, engine=pool)"),
        "imap": "write plait.map(fn, items, engine=pool)",
        "imap_unordered": 'write plait.map(fn, items, engine=pool, order="completion")',
        "outcomes": "write plait.map(fn, items, engine=pool).outcomes()",
        "close": "write pool.shutdown(wait=False), which takes no more calls",
        "join": "write pool.shutdown(), which waits as the end of a `with` block does",
        **dict.fromkeys(
            ("terminate", "terminate_workers", "kill_workers"),
            "pool.shutdown(cancel_futures=True) drops what has not begun; to stop what runs, start it in a "
            "plait.scope(), whose s.cancel() does so",
        ),
    },
    "Stream": {
        **dict.fromkeys("append copy count extend index insert pop reverse sort".split(), _LIST),
        **dict.fromkeys("get join result results wait".split(), _LIST),
        "as_completed": 'write plait.map(fn, items, order="completion")',
        **dict.fromkeys("errors exceptions failed failures".split(), _OUTCOMES),
    },
    "Future": {
        **dict.fromkeys(("get", "value", "wait"), "write future.result()"),
        **dict.fromkeys(("error", "exitcode", "returncode"), "write future.exception()"),
        "join": "write future.result(); the end of the scope's block waits, too",
        "start": "submit has started it",
        **dict.fromkeys(("terminate", "kill", "stop"), "write future.cancel(), which stops it also while it runs"),
        **dict.fromkeys(("is_alive", "ready", "successful"), "write future.done() or future.running()"),
        "remove_done_callback": "asyncio.wait is for asyncio's own: give it asyncio.ensure_future(future) for each",
        "then": "write future.add_done_callback(fn), which is given the future",
    },
    "Scope": {
        **dict.fromkeys("apply create_task go run spawn start start_soon".split(), _SUBMIT),
        **dict.fromkeys("gather join wait".split(), "the end of its block waits for all tasks"),
        "shutdown": "the end of its block waits for all tasks; s.cancel() stops them",
    },
    "Channel": {
        **dict.fromkeys(("join", "task_done"), _LOOP),
        **dict.fromkeys(("empty", "full", "qsize"), _SEEN),
        "get_nowait": "write channel.get(timeout=0)",
        "put_nowait": "write channel.put(item, timeout=0)",
        **dict.fromkeys(("recv", "receive"), "write channel.get()"),
        "send": "write channel.put(item)",
        "shutdown": "write channel.close()",
    },
}


def no_attribute(thing: object, kind: str, name: str) -> AttributeError:
    """What to raise where a `thing`, a `kind` of ours, is asked for a name that those of other libraries have.

    >>> str(no_attribute([], "Channel", "send"))
    "'list' object has no attribute 'send'; write channel.put(item)"
    """
    advice = _ATTRIBUTES[kind].get(name)
    said = f"{type(thing).__name__!r} object has no attribute {name!r}"
    return AttributeError(f"{said}; {advice}" if advice else said, name=name, obj=thing)
