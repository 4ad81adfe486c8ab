"""What lasts in a worker process, such as modules and tables, is left out when it collects garbage.

A full collection looks at every list, dict and instance that is alive. Beside a table of 300,000 rows, which a
`per_worker` function has made, that can be most of the time of an item that makes a few thousand (`gc.freeze`).
"""

from __future__ import annotations

import gc

_LOOKS = 8  # batches of a function, after which is looked whether something has been made
_TIMES = 3  # and those after which something may be left out
_MANY = 10_000  # objects: beside fewer a collection is brief


class Lasting:
    """Looks after the first batches of each function, which are those that load what stays.

    `looks` is how many of them are still to come.
    """

    __slots__ = ("_seen", "_times", "looks")

    def __init__(self) -> None:
        self._seen = _collections()
        self._times = self.looks = 0

    def expect(self) -> None:
        """A function has arrived."""
        self.looks, self._times = _LOOKS, _TIMES

    def look(self) -> None:
        """A batch has been answered: what is alive now and no garbage stays, as far as anybody can tell."""
        self.looks -= 1
        if not gc.isenabled() or _collections() == self._seen:  # the program sees to it; too little was made
            return
        gc.collect()
        if len(gc.get_objects()) >= _MANY:
            gc.freeze()
        self._seen = _collections()
        self._times -= 1
        if not self._times:
            self.looks = 0


def _collections() -> int:
    """Of the second generation: there is one for some thousands of objects that stay alive."""
    return int(gc.get_stats()[1]["collections"])
