"""An exception of which a part cannot be pickled comes back as itself, without that part."""

from __future__ import annotations

import io
import pickle
import threading
import urllib.error
from email.message import Message
from typing import Any

import pytest

import plait
from plait._engines.remote import describe, rebuild
from plait.errors import RemoteError

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # CPython 3.14 wants HTTPErrors closed
]


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle 'Unpicklable' object")

    def __repr__(self) -> str:
        return "<unpicklable>"


class QueryFailed(Exception):
    def __init__(self, text: str, *, connection: object) -> None:
        super().__init__(text)
        self.connection = connection
        self.code = 7


class Locked(Exception):
    """Its text depends on what cannot be sent."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock

    def __str__(self) -> str:
        return f"locked: {self.lock.locked()}"


class NotMadeByItself(SyntaxError, LookupError):
    """Two bases in C, each with members of its own."""

    def __init__(self, text: str, log: object) -> None:
        super().__init__(text)
        self.log = log


def gone() -> urllib.error.HTTPError:
    body = io.BufferedReader(io.BytesIO(b"no such page"))  # type: ignore[arg-type]  # as good as a raw one
    return urllib.error.HTTPError("http://here/page", 404, "gone", Message(), body)


def make(name: str) -> Exception:
    return {
        "attribute": QueryFailed("no table", connection=Unpicklable()),
        "argument": ValueError("bad", Unpicklable()),
        "response": gone(),
        "text": Locked(threading.Lock()),
        "bases": NotMadeByItself("line 1", Unpicklable()),
    }[name]


def fail(name: str) -> None:
    raise make(name)


def test_it_is_caught_by_its_class_and_says_what_it_said() -> None:
    names = ["attribute", "argument", "response", "bases"]
    for name, outcome in zip(names, plait.map(fail, names, engine="process", workers=1).outcomes(), strict=True):
        assert type(outcome.error) is type(make(name))
        assert str(outcome.error) == str(make(name))
        pickle.dumps(getattr(outcome.error, "connection", None))


def test_what_else_it_knew_is_there() -> None:
    (outcome,) = plait.map(fail, ["response"], engine="process", workers=1).outcomes()
    error = outcome.error
    assert isinstance(error, urllib.error.HTTPError)
    assert (error.code, error.reason, error.url) == (404, "gone", "http://here/page")
    with pytest.raises(AttributeError, match=r"'read' was asked .* BufferedReader objects cannot .* in the function"):
        error.read()


def test_retry_knows_its_class() -> None:
    again = plait.Retry(2, on=urllib.error.HTTPError)
    (outcome,) = plait.map(fail, ["response"], engine="process", workers=1, retry=again).outcomes()
    assert outcome.attempts == 3


def test_what_its_text_depends_on_is_not_left_out() -> None:
    error = rebuild(describe(make("text")))
    assert isinstance(error, RemoteError)
    assert "locked: False" in str(error)


class Speechless(ValueError):
    def __str__(self) -> str:
        raise RuntimeError("it has no words")


def fail_without_words(n: int) -> int:
    if n == 1:
        raise ValueError(10**5000)  # more digits than str() writes
    if n == 2:
        raise Speechless
    return n


def test_errors_that_cannot_be_put_into_words_are_those_of_their_items_alone() -> None:
    ends = [
        outcome.error for outcome in plait.map(fail_without_words, range(4), engine="process", workers=1).outcomes()
    ]
    assert [type(end).__name__ for end in ends] == ["NoneType", "ValueError", "Speechless", "NoneType"]
