"""What stands in for `plait.advise`: it measures, and under control there is nothing to measure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from plait._check.diagnosis import give_up
from plait._check.stage import STAGE

_MODULE = "plait._see.advise.choose"  # a neighbour: looked for among what is imported, and not imported for this
_WHY = (
    "it calls plait.advise, which measures, and nothing can be measured under control; a script that does so before "
    "it checks, or while it is imported, does it below `if __name__ == '__main__':`"
)


def advising() -> Iterator[tuple[Callable[..., Any], Callable[..., Any]]]:
    """The function, if it is imported, and what stands in for it."""
    real = getattr(sys.modules.get(_MODULE), "advise", None)
    if real is None:
        return

    def advise(*args: Any, **options: Any) -> Any:
        execution = STAGE.execution
        if execution is None or execution.here() is None:
            return real(*args, **options)
        give_up(execution, _WHY)
        return None

    yield real, advise
