"""What cannot be sent is refused and named, also where it is a class that has it and not the object."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
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


def test_an_open_file_is_refused_and_never_replaced_by_a_copy_of_its_text(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n")
    local = "by value"  # which the functions are, so that whatever is able to pickle them is asked

    def opened(name: str) -> Any:
        return open(name, encoding=local and "utf-8")

    refused = "an open file belongs to one process"
    with pytest.raises(NotTransferable, match=f"result is a TextIOWrapper object.*{refused}"):
        list(plait.map(opened, [str(path)], engine="process", workers=1))
    with opened(str(path)) as file:
        with pytest.raises(NotTransferable, match=f"item is a TextIOWrapper object.*{refused}"):
            list(plait.map(lambda each: local + each.read(), [file], engine="process", workers=1))
        with pytest.raises(NotTransferable, match=f"captured 'file' is a TextIOWrapper object.*{refused}"):
            list(plait.map(lambda _: local + file.read(), [1], engine="process", workers=1))
        assert file.read() == "a\nb\n"


def test_the_streams_of_the_program_are_those_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    stdout = sys.stdout
    assert list(plait.map(lambda _: stdout is sys.stdout, [1], engine="process", workers=1)) == [True]
