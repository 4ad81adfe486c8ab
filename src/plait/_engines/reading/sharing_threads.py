"""Whether a function could tell in which thread of this process it runs, as far as its code shows.

Memory is the same in all of them, whoever changes it. What tells threads apart is what belongs to one, as instances of
`per_worker` functions and connections do, or can be waited for, as locks and queues can. When in doubt it could tell.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from plait._core.per_worker import PerWorker
from plait._engines.reading.plain_data import classes_in
from plait._engines.reading.sharing import Reader
from plait._engines.reading.sharing_code import Use


def tells_threads(function: object) -> bool:
    """Whether it could.

    >>> import threading
    >>> tells_threads({2: 4}.get), tells_threads(threading.Lock().acquire)
    (False, True)
    """
    return bool(_AcrossThreads(may_change=False).of(function))


class _AcrossThreads(Reader):
    def of_used(self, name: str, value: Any) -> str:
        if isinstance(value, PerWorker):
            return f'"{name}" is made once for each worker'
        return super().of_used(name, value)

    def of_use(self, use: Use, captured: dict[str, object], function: FunctionType) -> str:
        if use.kind in ("argument", "class") or (use.stores and not use.path):
            return ""
        return super().of_use(use._replace(stores=False), captured, function)

    def is_same(self, value: Any) -> bool:
        classes = classes_in(value)
        return classes is not None and not any(self.of_code(one) for one in classes)

    def draws(self, name: str, value: Any) -> str:
        return ""

    def keeps_results(self, value: Any) -> str:
        return ""
