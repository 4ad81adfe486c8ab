"""What to do instead of sending what belongs to one process: advice by the class of the culprit and its place."""

from __future__ import annotations

import re

_LOCK = "locks belong to one process; create it inside the function, or use the lock of a file or database"
_FILE = "an open file belongs to one process; pass its path and open it in the function"
_MANAGER = "pass one of a multiprocessing.Manager() instead, or its values"
_THREADS = "it works between the threads of one process; pass one of a multiprocessing.Manager() instead"
_QUEUE = f"{_THREADS}, or return what the function finds"
_LOOP = "it belongs to one event loop; create it in the function"
_PER_WORKER = "or once for each worker with plait.per_worker"
_EXECUTOR = f"an executor belongs to one process; create it in the function, {_PER_WORKER}"

_LEAVE_OUT = "leave it out with __getstate__, or create it inside the function"

_OF_SELF = re.compile(r" → self\.(\w+)")
_NAMED = re.compile(r"(global|captured) '[^']*'|default \d+")

# By module, or module and class. The objects of WHOLE are one thing to their users, whatever lock or file in them it is
# that cannot be pickled.
_WHOLE = {
    "asyncio": _LOOP,
    "concurrent.futures._base.Executor": _EXECUTOR,
    "concurrent.futures._base.Future": "it belongs to one process; wait for it here and pass its result",
    "logging.Handler": "ask for the logger in the function, by its name: its records come to the handlers here",
    "multiprocessing.connection": "an end of a pipe belongs to one process; return what the function finds, or pass a "
    "queue of a multiprocessing.Manager()",
    "multiprocessing.queues": _MANAGER,
    "multiprocessing.sharedctypes": _MANAGER,
    "multiprocessing.synchronize.Barrier": _MANAGER,
    "multiprocessing.synchronize": "make it by multiprocessing.get_context('spawn'), or pass one of a "
    "multiprocessing.Manager() instead",
    "queue.Queue": _QUEUE,
    "subprocess.Popen": "a running program belongs to the process that started it; start it in the function",
    "tempfile._TemporaryFileWrapper": _FILE,
    "threading.Barrier": _THREADS,
    "threading.Condition": _THREADS,
    "threading.Event": _THREADS,
    "threading.Semaphore": _THREADS,
    "threading.Thread": "a thread belongs to one process; start it in the function",
    "werkzeug.local": "it stands for the request that runs here; read what the function needs of it, and pass that",
}
_BY_NAME = {
    "BufferedRandom": _FILE,
    "BufferedReader": _FILE,
    "BufferedWriter": _FILE,
    "Connection": f"a connection belongs to one process; open it in the function, {_PER_WORKER}",
    "ContextVar": "pass its value instead",
    "DirEntry": "pass its path: entry.path",
    "FileIO": _FILE,
    "Match": "pass what it has found, such as match.group() or match.groups()",
    "RLock": _LOCK,
    "Row": "pass tuple(row) or dict(row)",
    "SSLContext": f"create it in the function, {_PER_WORKER}",
    "SimpleQueue": _QUEUE,
    "TextIOWrapper": _FILE,
    "frame": "frames cannot leave their process",
    "coroutine": 'nobody awaits it there; run what gives coroutines with engine="async"',
    "generator": "generators cannot be copied; make a list of it first",
    "lock": _LOCK,
    "mmap": "pass the path of the file and map it in the function",
    "module": "import it inside the function",
    "socket": "a socket belongs to one process; pass its address and connect in the function",
}


def is_whole(value: object) -> bool:
    """Whether an object belongs to one process as it is, so that nobody needs to know what is in it."""
    return _whole(type(value)) is not None


def instead_of(value: object, path: str) -> str:
    """What to do; `path` leads to the value, from the function, the ``item`` or the ``result``."""
    found = _whole(type(value)) or _BY_NAME.get(type(value).__name__)
    if found is not None:
        return _of_result(found) if path.startswith("result") else advice_at(path, found)
    if issubclass(type(value), tuple):  # it holds what can be pickled, such as sys.flags
        return "make a plain tuple of it first"
    if path == "item":
        return "pass what it is made from, and create it inside the function"
    if path == "result":
        return "return what it holds, as plain data"
    if _NAMED.fullmatch(path.rpartition(" → ")[2]):
        return f"create it inside the function, {_PER_WORKER}"
    return advice_at(path, _LEAVE_OUT)


def advice_at(path: str, advice: str) -> str:
    """The advice for where the culprit is: nobody passes what an object has whose method is the function.

    >>> advice_at("sell → self.lock", "locks belong to one process; create it inside the function")
    'locks ... the function; self goes along with its method: leave .lock out with __getstate__, or map a function ...'
    """
    own = _OF_SELF.search(path)
    if own is None:
        return advice
    cure = f"self goes along with its method: leave .{own[1]} out with __getstate__, or map a function without self"
    if "another one" in advice or advice is _EXECUTOR:  # it is there to run the method, which needs none
        return f"{advice.partition('; ')[0]}; {cure}"
    return cure if advice is _LEAVE_OUT else f"{advice}; {cure}"


def _of_result(advice: str) -> str:
    """The same for what a function has returned.

    >>> _of_result(_BY_NAME["generator"])
    'generators cannot be copied; return a list of it'

    >>> _of_result(_FILE)
    'an open file belongs to one process; return plain data instead'
    >>> _of_result(_BY_NAME["DirEntry"])
    'return its path: entry.path'
    """
    if advice.startswith("pass "):
        return f"return {advice.removeprefix('pass ')}"
    why, divided, cure = advice.partition("; ")
    if cure.startswith("run "):
        return advice
    return f"{why}; return {'a list of it' if 'list' in cure else 'plain data instead'}" if divided else advice


def _whole(kind: type) -> str | None:
    for base in kind.__mro__:
        module = str(base.__module__)
        names = f"{module}.{base.__qualname__}", module, module.partition(".")[0]
        found = next((_WHOLE[name] for name in names if name in _WHOLE), None)
        if found is not None:
            return found
    return None
