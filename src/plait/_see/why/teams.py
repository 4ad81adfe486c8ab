"""Who works for whom in plait: the crew of workers that a thread belongs to, and the crews that a wait is for.

A crew is known by its address, which the frames of its workers, of the map that waits for it, and of the thread that
drives a scope have in a variable. A scope waits for the driver of its tasks, and that one for the crew. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from plait._see.why.dump import Frame, Thing, Thread
from plait._see.why.keys import is_own

_FOLDER = r"[/\\]plait[/\\]_engines[/\\](?:\w+[/\\])?"
_ENGINES = re.compile(rf"{_FOLDER}\w+\.py$")
_WORKERS = re.compile(rf"{_FOLDER}(thread|async)_worker\.py$")
_PROCESSES = re.compile(rf"{_FOLDER}(remote_run|staff|executor_run)\.py$")
_SCOPES = re.compile(r"[/\\]plait[/\\]_run[/\\]scopes[/\\]scope_life\.py$")
_LENT = "LentDriver"  # has the workers of a pool
_DRIVES = re.compile(r"[/\\]plait[/\\]_run[/\\]pool_driver\.py$")


def crew_of(thread: Thread) -> int:
    """The crew whose worker a thread is; 0 for none."""
    return next((address for frame in thread.frames if _WORKERS.search(frame.file) if (address := _at(frame))), 0)


def crews_awaited(thread: Thread, everybody: Sequence[Thread]) -> tuple[int, ...]:
    """The crews that do what a thread waits for; none where that is not known, or done by processes."""
    frames = _within(thread)
    crews = [_at(frame) for frame in frames if _ENGINES.search(frame.file) and not _WORKERS.search(frame.file)]
    crews += [crew for one in everybody for driver in _drivers(frames) for crew in _driven(one, driver)]
    return tuple(dict.fromkeys(crew for crew in crews if crew))


def awaits_all(thread: Thread) -> bool:
    """Whether it waits until all that its crews do is done, as a scope does whose crews are its own.

    A map goes on with each result; what else a pool does that is lent to a scope is not known.
    """
    drivers = _drivers(_within(thread))
    return bool(drivers) and not any(driver.type == _LENT for driver in drivers)


def drives_processes(thread: Thread) -> bool:
    """Whether it waits for what worker processes do."""
    return any(_PROCESSES.search(frame.file) for frame in _within(thread))


def _within(thread: Thread) -> tuple[Frame, ...]:
    """What the user's own code has called, and is in the middle of; all frames of a thread without such code."""
    own = next((at for at, frame in enumerate(thread.frames) if is_own(frame)), len(thread.frames))
    return thread.frames[:own]


def _drivers(frames: Sequence[Frame]) -> list[Thing]:
    """The drivers of the tasks that the end of a scope waits for."""
    variables = [frame.variables for frame in frames if _SCOPES.search(frame.file)]
    found = [each[name] for each in variables for name in ("_driver", "_awaiting") if name in each]
    return [thing for thing in found if thing.text != "None"]


def _driven(thread: Thread, driver: Thing) -> list[int]:
    """The crew that a thread drives for this driver, or may drive for it where the driver is that of a pool."""
    driving = [_at(frame, "self") for frame in thread.frames if _DRIVES.search(frame.file)]
    if not driving or (driver.type != _LENT and driver.address not in driving):
        return []
    return [crew for frame in thread.frames if _ENGINES.search(frame.file) if (crew := _at(frame))]


def _at(frame: Frame, name: str = "crew") -> int:
    return frame.variables[name].address if name in frame.variables else 0
