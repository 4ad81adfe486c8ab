"""What those who write an engine or a scheduler need: the contract suites that all of ours pass.

For example::

    class TestMyEngine(plait.testing.EngineContract):
        def make_engine(self):
            return MyEngine()

Run it with pytest, or call the methods. It imports no test framework.
"""

from plait.testing._contract import EngineContract
from plait.testing._schedules import SchedulerContract

__all__ = ["EngineContract", "SchedulerContract"]
