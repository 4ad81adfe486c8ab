"""What those who write an engine or a scheduler need: the contract suites that all of ours pass.

For example::

    class TestMyEngine(plait.testing.EngineContract):
        def make_engine(self):
            return MyEngine()

Run it with pytest, or call the methods. It imports no test framework.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:  # for editors and type checkers: what `__getattr__` finds at run time
    from plait.testing._contract import EngineContract as EngineContract
    from plait.testing._schedules import SchedulerContract as SchedulerContract

_HOMES = {"EngineContract": "plait.testing._contract", "SchedulerContract": "plait.testing._schedules"}

__all__ = ["EngineContract", "SchedulerContract"]


def __getattr__(name: str) -> object:
    """Workers, who import the functions that the suites map, need no suites."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'plait.testing' has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
