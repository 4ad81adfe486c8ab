"""How many workers somebody asks for."""

from __future__ import annotations

from typing import Literal, TypeAlias

from plait._core.errors import UsageError

Workers: TypeAlias = int | Literal["auto"] | None


def worker_count(workers: Workers) -> int | None:
    """A number that makes sense, or None where plait is to decide.

    Raises:
        UsageError: it is neither.

    >>> worker_count(3), worker_count("auto")
    (3, None)
    """
    if workers is None or workers == "auto":
        return None
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        raise UsageError(
            f'workers={workers!r}: expected a whole number of at least 1, or None or "auto" to let plait decide'
        )
    return workers
