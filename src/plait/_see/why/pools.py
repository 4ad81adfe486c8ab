"""Findings of pools of threads: all workers wait, for results of the pool or for what calls behind them are to do."""

from __future__ import annotations

import re

from plait._see.why.cures import NOBODY
from plait._see.why.dump import Dump
from plait._see.why.graph import FOR_EVER, NOT_TOLD, RESULTS, awaited, may_go_on, taken
from plait._see.why.keys import Holding, is_own
from plait._see.why.known import Diagnosis, Known, step
from plait._see.why.teams import awaits_all


def waits_for_itself(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """All workers of a pool wait for what only a worker of it could do."""
    pools = {known.wait.pooled for known in everybody if known.wait.pooled}
    for pool in pools:
        workers = [known for known in everybody if known.wait.pooled == pool]
        if all(_for_pool(known, pool) for known in workers) and not _may_come(dump, everybody, pool):
            return Diagnosis(
                "A pool waits for itself",
                tuple(map(step, workers)),
                f"{_all_wait(workers)} for results of tasks that no worker is left to run.",
                "Do not wait for a task of a pool within another task of it: return the future, or give inner tasks a "
                "pool of their own (plait.map and plait.scope have a worker for each).",
            )
    return None


def callback_waits(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """A callback of a pool of processes waits, in the thread that hands out the results."""
    kinds = (*FOR_EVER, *RESULTS)
    serving = [known for known in everybody if _hands_out(known)]
    known = next((one for one in serving if one.wait.frame is not None and one.wait.kind in kinds), None)
    if known is None or known.wait.limited:
        return None
    itself = known.wait.kind in RESULTS
    others = [one for one in everybody if one.wait.kind in RESULTS and one is not known]
    return Diagnosis(
        f"A callback waits for a result, and {known.thread.name} has to hand that out"
        if itself
        else f"A callback waits, and {known.thread.name} hands out no results meanwhile",
        tuple(map(step, (known, *others))),
        f"{known.thread.name} hands out what the processes of a pool send, and runs the callbacks in between: until "
        f"this one has returned, nobody gets a result of that pool{', and it waits for one itself' * itself}.",
        "Wait for nothing in a callback: begin what comes next with apply_async() or submit() and a callback of its "
        "own, or put the result into a queue for another thread.",
        certain=itself and len(serving) == 1,
    )


def items_wait(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """The iterable over which a pool of `multiprocessing` goes waits, in the thread that takes the items from it."""
    kinds = (*FOR_EVER, *RESULTS)
    for known in everybody:
        takes = any(frame.is_of(*_TAKES) for frame in known.thread.frames)
        if not takes or known.wait.frame is None or known.wait.kind not in kinds or known.wait.limited:
            continue
        others = [one for one in everybody if one is not known and one.wait.kind not in NOT_TOLD]
        if any(may_go_on(dump, one) for one in others):  # who may be the one that gives it something
            return None
        return Diagnosis(
            f"A pool waits for its items, and {known.thread.name} waits in what gives them",
            (step(known), *map(step, others)),
            f"{known.thread.name} takes the items of a map from its iterable and hands them to the workers, which have "
            "nothing to do: no result comes before the iterable goes on, and all who could end that wait, wait, too.",
            "Let no iterable of a map wait for results of it: where results make new items, give each to the pool by "
            "apply_async() or submit(), and count those that are open.",
            certain=not dump.missing,
        )
    return None


def _hands_out(known: Known) -> bool:
    return any(frame.is_of(*each) for frame in known.thread.frames for each in _SERVE)


_TAKES = ("multiprocessing/pool.py", "_handle_tasks")
_SERVE = (("multiprocessing/pool.py", "_handle_results"), ("concurrent/futures/process.py", "run"))


def loop_ends(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """`asyncio.run` has come to its end, and waits for a thread of the loop's pool."""
    ends = any(frame.name == "shutdown_default_executor" for known in everybody for frame in known.thread.frames)
    workers = [known for known in everybody if known.wait.pooled and known.wait.kind not in NOT_TOLD]
    loop = next((known for known in everybody if known.wait.kind == "loop"), None)
    if not ends or not workers or loop is None:
        return None
    return Diagnosis(
        f"asyncio.run() has ended its tasks, and waits for {workers[0].thread.name}",
        tuple(map(step, (*workers, loop))),
        "It does not return before the threads of asyncio.to_thread() and run_in_executor() have ended. To cancel a "
        "task that awaits one leaves the thread as it is.",
        "Have what runs in the thread come to an end: give its wait a timeout, or an Event that is set in a `finally` "
        "around the await.",
        certain=False,
    )


def _for_pool(known: Known, pool: int) -> bool:
    """Whether a worker of a pool waits for what may be a task of the pool."""
    of_ours = any(frame.is_in(*_OF_FUTURE) for frame in known.thread.frames)  # which does not say whose task it is
    results = known.wait.kind in RESULTS or (known.wait.kind == "work" and of_ours)
    return pool in known.crews or (results and not known.wait.limited)


_OF_FUTURE = ("plait/_run/future.py", ("result", "exception"))


def _may_come(dump: Dump, everybody: list[Known], pool: int) -> bool:
    """Whether others than the workers of a pool may give them the results that they wait for."""
    if any(pool in known.crews and not awaits_all(known.thread) and known.wait.pooled != pool for known in everybody):
        return True  # it is no pool, but the crew of a map, to which nobody submits
    return any(known.wait.pooled not in (0, pool) and may_go_on(dump, known) for known in everybody)


def is_taken(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """All workers of a pool wait for what others are to do, and there are calls that no worker has begun."""
    for pool in {known.wait.pooled for known in everybody if known.wait.pooled}:
        workers = [known for known in everybody if known.wait.pooled == pool]
        behind = _behind(workers, everybody)
        others = [known for known in everybody if known not in workers and may_go_on(dump, known)]
        if not behind or not all(known.wait.kind in FOR_EVER and not known.wait.limited for known in workers):
            continue
        if any(awaited(everybody, at) is not None for at, known in enumerate(everybody) if known in workers):
            continue  # whoever has what they wait for is who to look at
        if all(known.wait.kind == "loop" or known.thread.task for known in others):
            return _taken(workers, behind, certain=not others and not dump.handled)
    return None


def _taken(workers: list[Known], behind: int, *, certain: bool) -> Diagnosis:
    return Diagnosis(
        f"{_all_wait(workers)}, and {behind} call{'s wait' if behind > 1 else ' waits'} for a worker",
        tuple(map(step, workers)),
        "No call that waits for a worker begins before one of these has ended, and one of them may be what these are "
        "waiting for.",
        "Have the pool begin first what others wait for, give that a pool of its own, or this one more workers "
        "(max_workers=...); in an event loop wait with what asyncio has for it, which takes no worker.",
        certain=certain,
    )


def _all_wait(workers: list[Known]) -> str:
    return "The only worker of a pool waits" if len(workers) == 1 else f"All {len(workers)} workers of a pool wait"


def _behind(workers: list[Known], everybody: list[Known]) -> int:
    """How many calls wait for a worker: as the queue of the pool says, or as many tasks wait for more than it has."""
    frames = [frame for known in workers for frame in known.thread.frames]
    queues = [frame.variables["work_queue"].text for frame in frames if "work_queue" in frame.variables]
    if any(text.isdigit() for text in queues):
        return max(int(text) for text in queues if text.isdigit())
    pools = {known.wait.pooled for known in everybody if known.wait.pooled}
    if len(pools) > 1 and not any(known.thread.name.startswith("asyncio_") for known in workers):
        return 0
    return max(0, sum(map(_is_for_thread, everybody)) - len(workers))


def _is_for_thread(known: Known) -> bool:
    """Whether it is a task that waits for `asyncio.to_thread`, or for what `run_in_executor` has begun."""
    by_loop = known.thread.task and "run_in_executor(" in known.wait.what
    return by_loop or any(frame.is_of("asyncio/threads.py", "to_thread") for frame in known.thread.frames)


def pool_out(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Somebody waits until a pool of a library, as of connections, gets one back, whatever others do meanwhile."""
    asking = [one for one in everybody if _asks_pool(one) or _asks_pool_of_loop(one)]
    if not asking:
        return None
    known = min(asking, key=lambda one: not _has_one(one))
    has = _has_one(known)
    pool = "a pool of connections" if known.thread.task else known.wait.what
    return Diagnosis(
        f"{known.thread.name} waits until {pool} gets something back",
        (*(taken(known, one) for one in has), step(known)),
        "A library keeps there what it lends out, such as connections: all that it may have are out."
        + (" It gives up after its timeout." if known.wait.limited else "")
        + (" Where each of those who have one waits for another one, nobody ever gets one." if has else ""),
        "Ask for no second one while you have one: pass on the one that you have." if has else NOBODY["pool"][2],
        certain=False,
    )


def _has_one(known: Known) -> list[Holding]:
    """What it has entered already of that for which it asks again: ``async with engine.connect():`` within another."""
    return [held for held in known.held if held.expression == known.wait.what]


def _asks_pool(known: Known) -> bool:
    deep = known.wait.deep
    itself = deep.variables.get("self") if deep is not None else None
    names = f"{deep.file} {itself.type if itself is not None else ''}" if deep is not None else ""
    return (
        known.wait.kind in ("queue get", "condition", "semaphore")
        and known.wait.frame is not None
        and "pool" in names.lower()
    )


def _asks_pool_of_loop(known: Known) -> bool:
    """Whether a task is in what a library does until one of its connections is free."""
    library = [frame for frame in known.thread.frames if not is_own(frame)] if known.thread.task else []
    gets = bool(library) and library[0].is_of("asyncio/queues.py", "get")  # SQLAlchemy has queues for nothing else
    waits = (gets and any(_SQLALCHEMY.search(frame.file) for frame in library)) or any(
        _OF_POOLS.search(frame.file) and _UNTIL_FREE.fullmatch(frame.name) for frame in library
    )
    return waits and known.wait.frame is not None and not known.thread.turn


_OF_POOLS = re.compile(r"[/\\](site|dist)-packages[/\\].*(pool|connector)\w*\.py$")
_SQLALCHEMY = re.compile(r"[/\\](site|dist)-packages[/\\]sqlalchemy[/\\]")
_UNTIL_FREE = re.compile(r"wait_for_connection|_wait_for_available_connection|_?acquire\w*|getconn|get_connection")
