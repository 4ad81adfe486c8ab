"""What those who write an engine need: the contract suite that every engine passes.

For example::

    class TestMyEngine(plait.testing.EngineContract):
        def make_engine(self):
            return MyEngine()

Run it with pytest, or call the methods. It imports no test framework.
"""

from plait.testing._contract import EngineContract

__all__ = ["EngineContract"]
