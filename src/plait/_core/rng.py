"""``plait.rng``: random numbers for the running item, the same on every engine and for any number of workers.

What the numbers depend on is a seed and the *path* of the item: its index, in a map inside a map preceded by the index
of the item around it. From these a generator is made in a way that NumPy and the standard library document, so anybody
can make it again:

    numpy    Generator(PCG64(SeedSequence(seed, spawn_key=path)))
    without  random.Random(":".join(map(str, (seed, *path)))), which goes through SHA-512 to all of its state

Sources: M. E. O'Neill, "Developing a seed_seq alternative" (2015), for the hash of SeedSequence; NumPy's "Parallel
random number generation" for ``spawn_key``; P. L'Ecuyer and others, "Random numbers for parallel computers" (2017), for
why streams that start at random places of a long period do not overlap.
"""

from __future__ import annotations

import operator
import os
import sys

from plait._core.current import Task, current_task

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any

# A map's own seed, the path of the item that called it, and whether generators are NumPy's. A tuple, because it travels
# to workers.
Seeding = tuple[int, tuple[int, ...], bool]


def rng(seed: int | None = None) -> Any:
    """A random generator for the running item: `numpy.random.Generator`, or `random.Random` where NumPy is not loaded.

    Promises:
     * its numbers depend on `seed` and on the item's index alone: not on the engine, the number of workers, the size of
       batches, other items, or whether the item is run again;
     * different items, and different seeds, have independent streams;
     * within one item the same seed gives the same generator, which goes on where it was;
     * in a map inside a map the indices of the items around count too;
     * which of the two kinds it is is decided once, where the outermost map is called: NumPy's if ``numpy`` has been
       imported there by then.

    Outside of a task there is no item: each call returns a new generator that starts at the beginning of `seed`, as
    ``numpy.random.default_rng(seed)`` and ``random.Random(seed)`` do.

    Args:
        seed: a whole number from 0, of any size; None for one that the map has chosen by chance: `Report.seed`.

    Raises:
        UsageError: the seed is something else.
        PlaitError: the map was started where NumPy was loaded, and this worker cannot import it.

    >>> import plait
    >>> def throw(_):
    ...     return plait.rng(2024).random()
    >>> list(plait.map(throw, range(9), engine="thread")) == list(plait.map(throw, range(9), engine="inline"))
    True
    """
    if seed is not None:
        seed = _checked(seed)
    task = current_task.get(None)
    if task is None:
        return generator(_chance() if seed is None else seed, (), numpy=_numpy_is_loaded())
    ticket = task.ticket
    drawn = getattr(task, "drawn", None)
    if drawn is None or drawn[0] != ticket:
        drawn = task.drawn = (ticket, {})
    found = drawn[1].get(seed)
    if found is None:
        own, path, numpy = task.seeding
        found = drawn[1][seed] = generator(own if seed is None else seed, (*path, task.index), numpy=numpy)
    return found


def generator(seed: int, path: tuple[int, ...], *, numpy: bool) -> Any:
    """A new generator at the start of the stream of a seed and a path."""
    if not numpy:
        from random import Random  # brings hashlib along

        return Random(":".join(map(str, (seed, *path))) if path else seed)
    try:
        random = __import__("numpy.random").random
    except ImportError as error:
        from plait._core.errors import PlaitError

        origin: BaseException = error
        while origin.__cause__ is not None:  # NumPy wraps it in a page of advice
            origin = origin.__cause__
        raise PlaitError(
            "plait.rng() gives NumPy's generators in this map, because numpy was imported where the map was called; "
            f"this worker cannot import it: {origin}"
        ) from error
    return random.Generator(random.PCG64(random.SeedSequence(seed, spawn_key=path)))


def seeding(outer: Task | None) -> Seeding:
    """What the generators of a new map are made from; `outer` is the task that calls it, if any."""
    if outer is not None:
        try:
            _, path, numpy = outer.seeding
            return _chance(), (*path, outer.index), numpy
        except LookupError:  # no item is running: the set-up or the end of a worker makes a map
            pass
    return _chance(), (), _numpy_is_loaded()


def _checked(seed: object) -> int:
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)  # type: ignore[arg-type]  # tried out here
    except TypeError:
        number = -1
    if number < 0:
        from plait._core.errors import UsageError

        raise UsageError(
            f"plait.rng({seed!r}): expected a whole number from 0 as seed, or None for one of the map's own"
        )
    return number


def _chance() -> int:
    return int.from_bytes(os.urandom(16), "little")


def _numpy_is_loaded() -> bool:
    return "numpy" in sys.modules
