"""What keeps an object of a script's class from being sent is named, also where the class has it and not the object."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import plait
from plait.errors import NotTransferable

LOCK = threading.Lock()


def classes() -> list[tuple[type[Any], str]]:
    class Has:
        lock = threading.Lock()

    class Derived(Has):
        pass

    class Names:
        def take(self) -> None:
            with LOCK:
                pass

    class NamesStatic:
        @staticmethod
        def take() -> None:
            with LOCK:
                pass

    class Keeps:
        kept = {"all": [LOCK]}

    return [
        (Has, r"Has\.lock"),
        (Derived, r"Has\.lock"),
        (Names, r"Names\.take → global 'LOCK'"),
        (NamesStatic, r"NamesStatic\.take → global 'LOCK'"),
        (Keeps, r"Keeps\.kept\['all'\]\[0\]"),
    ]


@pytest.mark.parametrize(("kind", "path"), classes())
def test_what_a_class_has_that_cannot_be_sent_is_named(kind: type[Any], path: str) -> None:
    with pytest.raises(NotTransferable, match=path + " is a lock object, which cannot be pickled.*; locks belong"):
        list(plait.map(id, [kind()], engine="process", workers=1))
