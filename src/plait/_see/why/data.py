"""The finding of a thread that waits for processes, while the data for them, or theirs, are on their way."""

from __future__ import annotations

from plait._see.why.known import Diagnosis, Known, Step, step

_CARRIERS = (  # threads of the standard library's own: the end of a file, a function, and what it does
    ("multiprocessing/pool.py", "_handle_tasks", "pickles the arguments of one call after the other and sends them"),
    ("multiprocessing/pool.py", "_handle_results", "receives one result after the other, unpickles it and calls back"),
    ("multiprocessing/queues.py", "_feed", "pickles one item after the other and sends it"),
    ("concurrent/futures/process.py", "run", "receives one result after the other and calls back"),
)


def on_the_way(known: Known, rows: tuple[Step, ...], everybody: list[Known]) -> Diagnosis | None:
    """That data are on their way for a thread that waits for processes, which do what the rows say."""
    for one in everybody:
        does = _carries(one)
        if does:
            return Diagnosis(
                f"{known.thread.name} waits for other processes, and data are on their way",
                (step(known), Step(one.thread.name, does, "", ""), *rows),
                f'What it waits for comes from another process. "{one.thread.name}" carries what goes between them and '
                "is at work: it has much to carry, or what it calls takes long. The processes wait for it meanwhile.",
                "If it is so when you look again: give processes less to carry, such as names of files in place of "
                "what is in them; load what all calls need once in each (initializer=..., plait.per_worker); plait.map "
                "carries large arrays and buffers through shared memory.",
                certain=False,
            )
    return None


def _carries(known: Known) -> str:
    """What a thread that carries data is at; "" for another one, and where it has nothing to do."""
    thread = known.thread
    if not thread.busy and "pipe_write" not in thread.where:
        return ""
    return next(
        (does for file, name, does in _CARRIERS for frame in thread.frames if frame.is_of(file, name)),
        "",
    )
