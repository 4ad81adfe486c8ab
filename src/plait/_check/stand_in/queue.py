"""SimpleQueue under control: what stands in for `queue.SimpleQueue`, which executors use."""

from __future__ import annotations

import _thread
import queue
import types
from collections import deque
from typing import TYPE_CHECKING, Any

from plait._check.controlled import Controlled, Gate
from plait._check.stage import STAGE
from plait._core.event import Event, Kind

if TYPE_CHECKING:
    from plait._check.execution import Execution

_get_ident = _thread.get_ident
_Real = queue.SimpleQueue


class StandInSimpleQueue(Gate):
    """An unbounded queue: `put` is a RELEASE of it, `get` an ACQUIRE that needs something in it.

    Between two executions, and for foreign threads, it is a real one.
    """

    __slots__ = ("__weakref__", "_execution", "_items", "_number", "_real")

    def __init__(self) -> None:
        super().__init__()
        self._items: deque[Any] = deque()
        self._execution: Execution | None = None
        self._number = -1
        self._real: queue.SimpleQueue[Any] | None = None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """As `queue.SimpleQueue.put`."""
        execution = STAGE.execution
        if execution is not None and execution.aborting:
            return
        me = self._caller()
        if execution is None or me is None:
            self._really().put(item)
            return
        site = execution.sites.here()
        execution.wait(me, execution.always, Event(me.number, Kind.RELEASE, self._number, "", site))
        execution.note(me, Kind.RELEASE, self._number, "", site)
        self._items.append(item)
        execution.open(self)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """As `queue.SimpleQueue.get`."""
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        execution = STAGE.execution
        me = self._caller()
        if execution is None or me is None:
            return self._really().get(block, timeout)
        site = execution.sites.here()
        if block:
            execution.wait(me, self, Event(me.number, Kind.ACQUIRE, self._number, "", site), timeout)
        else:
            execution.wait(me, execution.always, Event(me.number, Kind.TRY, self._number, "", site))
        if not self._items:
            execution.note(me, Kind.TRY, self._number, "", site)
            raise queue.Empty
        execution.note(me, Kind.ACQUIRE, self._number, "", site)
        item = self._items.popleft()
        if not self._items:
            execution.close(self)
        return item

    def put_nowait(self, item: Any) -> None:
        """As `queue.SimpleQueue.put_nowait`."""
        self.put(item)

    def get_nowait(self) -> Any:
        """As `queue.SimpleQueue.get_nowait`."""
        return self.get(False)

    def empty(self) -> bool:
        """As `queue.SimpleQueue.empty`."""
        return self.qsize() == 0

    def qsize(self) -> int:
        """As `queue.SimpleQueue.qsize`."""
        execution = STAGE.execution
        me = self._caller()
        if execution is None or me is None:
            return self._really().qsize()
        site = execution.sites.here()
        execution.step(Kind.TRY, self._number, "", site)
        return len(self._items)

    __class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[var-annotated]  # as in typeshed

    def _caller(self) -> Controlled | None:
        execution = STAGE.execution
        if execution is None:
            return None
        me = execution.running
        if me.ident != _get_ident():
            found = execution.here()
            if found is None:
                return None
            me = found
        if self._execution is not execution:
            self._execution = execution
            self._items = deque()
            self.is_open = False
            self.wanting = []
            self._number = execution.places.new("SimpleQueue", execution.sites.here(2))
        return me

    def _really(self) -> queue.SimpleQueue[Any]:
        if self._real is None:
            self._real = _Real()
        return self._real
