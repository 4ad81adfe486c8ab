"""EngineContract: every promise of `plait.engines.Engine` and `plait.map`, as test methods."""

from __future__ import annotations

from plait.testing._failures import FailuresContract
from plait.testing._journals import JournalsContract
from plait.testing._random import RandomContract
from plait.testing._starts import StartsContract
from plait.testing._stopping import StoppingContract
from plait.testing._surroundings import SurroundingsContract
from plait.testing._values import ValuesContract
from plait.testing._workers import WorkersContract


class EngineContract(
    ValuesContract,
    FailuresContract,
    StartsContract,
    StoppingContract,
    SurroundingsContract,
    WorkersContract,
    RandomContract,
    JournalsContract,
):
    """The tests every engine passes; derive from it and write `make_engine`.

    Set `workers` to 1 if the engine runs one item at a time, `shares_memory` to False if its functions run in another
    process or interpreter, `awaits` to True if it runs coroutine functions. An engine over workers that are somebody
    else's says with `owns_workers`, `stops_items` and `keeps_workers` what it cannot promise, see `ContractBase`.
    """
