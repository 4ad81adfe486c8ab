"""What it costs to move arguments and results between processes: seconds and bytes, measured on a few of them."""

from __future__ import annotations

import pickle
import time
from typing import NamedTuple

_COPY = 4e9  # bytes of large buffers a second: they are copied into shared memory and not pickled


class Transfer(NamedTuple):
    """What one argument and its result cost, there and back.

    Attributes:
        seconds: to pickle and to unpickle both.
        size: their bytes.
        obstacle: why they cannot be moved, or an empty string.
        classes: the classes and functions that unpickling them looked up.
    """

    seconds: float
    size: int
    obstacle: str = ""
    classes: tuple[object, ...] = ()


def measure_transfer(samples: list[tuple[object, object]]) -> Transfer:
    """What the samples, pairs of an argument and its result, cost on average.

    >>> measure_transfer([(1, 2), (3, 4)]).size < 64
    True
    >>> measure_transfer([(1, lambda: 2)]).obstacle[:32]
    'its results cannot be pickled: C'
    """
    if not samples:
        return Transfer(0.0, 0)
    for what, sample in (("arguments", [item for item, _ in samples]), ("results", [value for _, value in samples])):
        try:
            pickle.dumps(sample, 5, buffer_callback=lambda _: None)
        except Exception as error:
            return Transfer(0.0, 0, f"its {what} cannot be pickled: {error}")
    buffers: list[pickle.PickleBuffer] = []
    began = time.perf_counter()
    data = pickle.dumps(samples, 5, buffer_callback=buffers.append)
    middle = time.perf_counter()
    noting = _NotingUnpickler(data, buffers)
    try:
        noting.load()
    except Exception as error:
        return Transfer(0.0, 0, f"its arguments or results cannot be unpickled: {error}")
    seconds = time.perf_counter() - began - (noting.prepared - middle)
    out_of_band = sum(buffer.raw().nbytes for buffer in buffers)
    for buffer in buffers:
        buffer.release()
    seconds += out_of_band / _COPY
    return Transfer(seconds / len(samples), (len(data) + out_of_band) // len(samples), "", tuple(noting.found))


class _NotingUnpickler(pickle.Unpickler):
    """Notes which classes and functions it looks up."""

    def __init__(self, data: bytes, buffers: list[pickle.PickleBuffer]) -> None:
        import io  # there already

        super().__init__(io.BytesIO(data), buffers=buffers)
        self.found: list[object] = []
        self.prepared = time.perf_counter()

    def find_class(self, module: str, name: str) -> object:
        found: object = super().find_class(module, name)
        self.found.append(found)
        return found
