"""What it costs to move arguments and results between processes: seconds and bytes, measured on a few of them."""

from __future__ import annotations

import io
import pickle
import time
from typing import NamedTuple

from plait._core.notes import text_of
from plait._engines.pickling.careful import dumps_carefully

_COPY = 4e9  # bytes of large buffers a second: they are copied into shared memory and not pickled
_TIMES = 5
_BRIEFLY = 0.001  # seconds of measuring


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
            dumps_carefully(sample, lambda _: None)
        except Exception as error:
            return Transfer(0.0, 0, f"its {what} cannot be pickled: {text_of(error)}")
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(samples, 5, buffer_callback=buffers.append)
    noting = _NotingUnpickler(io.BytesIO(data), buffers=buffers)
    try:
        noting.load()
    except Exception as error:
        return Transfer(0.0, 0, f"its arguments or results cannot be unpickled: {text_of(error)}")
    out_of_band = sum(buffer.raw().nbytes for buffer in buffers)
    for buffer in buffers:
        buffer.release()
    seconds = max(0.0, _there_and_back(samples) - _there_and_back([])) + out_of_band / _COPY
    return Transfer(seconds / len(samples), (len(data) + out_of_band) // len(samples), "", tuple(noting.found))


def _there_and_back(things: object) -> float:
    """Seconds to pickle and unpickle them; small things, which are pickled by the batch, the faster of some times."""
    best, spent, times = 1.0e9, 0.0, 0
    while times < _TIMES and spent < _BRIEFLY:
        buffers: list[pickle.PickleBuffer] = []
        began = time.perf_counter()
        pickle.loads(pickle.dumps(things, 5, buffer_callback=buffers.append), buffers=buffers)
        took = time.perf_counter() - began
        best, spent, times = min(best, took), spent + took, times + 1
    return best


class _NotingUnpickler(pickle.Unpickler):
    """Notes which classes and functions it looks up."""

    def __init__(self, file: io.BytesIO, *, buffers: list[pickle.PickleBuffer]) -> None:
        super().__init__(file, buffers=buffers)
        self.found: list[object] = []

    def find_class(self, module: str, name: str) -> object:
        found: object = super().find_class(module, name)
        self.found.append(found)
        return found
