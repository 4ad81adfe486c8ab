"""The file of a journal: a SQLite database in WAL mode that several runs, and people, may use at the same time.

Rows are appended and never looked for by their content while a map runs: an index on digests would double the cost of
writing. A run that resumes reads the digests once; what other runs append meanwhile has higher row numbers.

Promises:
 * a transaction that was committed survives the end of the process, SIGKILL included, at any moment; after a loss of
   power the file is whole, and the last moments may be missing (``synchronous=NORMAL``);
 * one run writes at a time, and waits for another one in Python, where Ctrl-C is heard.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import sqlite3
import time
from _collections_abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from plait._core.errors import JournalError
from plait._core.mishaps import warn
from plait._run.recording.function_key import FunctionKey
from plait._run.recording.journal_rows import PLAIN_COLUMNS, Row
from plait._run.recording.journal_words import writer_of

T = TypeVar("T")

SCHEMA = 1
_APPLICATION = 0x504C4149  # "PLAI", so that `file` and others can tell
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_ONE_WAIT = 0.1  # seconds in SQLite, deaf to Ctrl-C
_SAID_AFTER = 2.0  # seconds of waiting for another writer; those of plait take milliseconds
_MOST_WAIT = 60.0
_CHECKPOINT_PAGES = 4000  # of 4 KiB: how large the write-ahead log grows before it is copied into the database
_MANY = 500

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value);
CREATE TABLE functions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,         -- module and qualified name; empty for lambdas
    digest BLOB NOT NULL UNIQUE, -- of its code and of everything of the user's that it uses
    parts TEXT NOT NULL,        -- JSON: the digest of each part, to say what has changed
    first_used REAL NOT NULL    -- seconds since 1970, like all times here
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    function INTEGER NOT NULL REFERENCES functions,
    started REAL NOT NULL,
    ended REAL,                 -- NULL: it still runs, or was killed
    host TEXT, pid INTEGER, python TEXT, plait TEXT,
    items INTEGER, recalled INTEGER, failed INTEGER
);
CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs,
    item_index INTEGER NOT NULL, -- in the input of that run
    item BLOB NOT NULL,         -- digest of the item
    input,                      -- the item, for people
    ok INTEGER NOT NULL,        -- 1: it has a value, 0: it failed
    value,                      -- JSON
    pickle BLOB,                -- the value where JSON cannot say it, or the error
    error TEXT, message TEXT, traceback TEXT,
    attempts INTEGER NOT NULL,
    worker TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL NOT NULL
);
CREATE VIEW results AS
    SELECT functions.name AS function, outcomes.item_index, outcomes.input, outcomes.ok, outcomes.value,
           outcomes.error, outcomes.message, outcomes.attempts, outcomes.worker,
           datetime(outcomes.started, 'unixepoch') AS started_utc, outcomes.ended - outcomes.started AS seconds
    FROM outcomes JOIN runs ON runs.id = outcomes.run JOIN functions ON functions.id = runs.function
    ORDER BY runs.function, outcomes.item_index;
"""
_PLAIN = "run, item_index, item, input, value, attempts, worker, started, ended"
# Two statements: each column that is bound costs time, and most outcomes are values that JSON can say.
_INSERT_PLAIN = f"INSERT INTO outcomes ({_PLAIN}, ok) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"  # noqa: S608  names of ours
_INSERT = (
    f"INSERT INTO outcomes ({_PLAIN}, ok, pickle, error, message, traceback) "  # noqa: S608  names of ours
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class JournalFile:
    """An open journal; made if there is none. Used by one thread at a time.

    Raises:
        JournalError: it cannot be opened, or it is no journal that this plait can read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._changes = -1
        self._read_to = 0
        with self._explained("opened"):
            folder = os.path.dirname(os.path.abspath(path))
            if not os.path.isdir(folder):
                raise JournalError(f"the journal {path!r} cannot be made: there is no folder {folder!r}")
            self._connection = sqlite3.connect(
                path, timeout=_ONE_WAIT, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close it; the last one who does copies the write-ahead log into the database."""
        self._connection.close()

    # --- what has been recorded

    def function(self, key: FunctionKey) -> int:
        """The number of the function in this journal, given to it if it is new."""
        with self.transaction():
            found = self._one("SELECT id FROM functions WHERE digest = ?", key.digest)
            if found is not None:
                return int(found[0])
            row = (key.name, key.digest, json.dumps(key.parts), time.time())
            return self._insert("INSERT INTO functions (name, digest, parts, first_used) VALUES (?, ?, ?, ?)", row)

    def other_versions(self, key: FunctionKey) -> list[tuple[int, dict[str, str]]]:
        """The functions of the same name and another digest, the last one first: their numbers and parts."""
        query = "SELECT id, parts FROM functions WHERE name = ? AND name != '' AND digest != ? ORDER BY id DESC"
        with self._explained("read"):
            return [(number, json.loads(parts)) for number, parts in self._connection.execute(query, key[:2])]

    def items_of(self, functions: Iterable[int]) -> set[bytes]:
        """The digests of the items that have a value for one of these functions."""
        found: set[bytes] = set()
        query = "SELECT item FROM outcomes WHERE ok AND run IN (SELECT id FROM runs WHERE function = ?)"
        with self._explained("read"):
            for function in functions:
                found.update(item for (item,) in self._connection.execute(query, (function,)))
        return found

    def news(self, function: int, run: int) -> Iterator[tuple[int, bytes, bool]]:
        """Number, item and success of what other runs have recorded for the function since this was last asked."""
        (changes,) = self._must("PRAGMA data_version")  # another number whenever another connection has committed
        if changes == self._changes:
            return
        query = (
            "SELECT outcomes.id, item, ok FROM outcomes JOIN runs ON runs.id = outcomes.run "
            "WHERE outcomes.id > ? AND outcomes.id <= ? AND runs.function = ? AND runs.id != ?"
        )
        with self._explained("read"):
            (last,) = self._must("SELECT coalesce(max(id), 0) FROM outcomes")
            yield from self._connection.execute(query, (self._read_to, last, function, run))
        self._changes, self._read_to = changes, last

    def count(self, digest: bytes) -> int:
        """How many outcomes there are for the function of this digest."""
        query = (
            "SELECT count(*) FROM outcomes JOIN runs ON runs.id = run JOIN functions ON functions.id = function "
            "WHERE digest = ?"
        )
        return int(self._must(query, digest)[0])

    def sizes(self, rows: Sequence[int]) -> dict[int, int]:
        """About how many bytes each of these outcomes takes."""
        return dict(self._some("id, coalesce(length(pickle), 0) + coalesce(length(value), 0)", rows))

    def read(self, rows: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        """The columns that `journal_rows.recorded` takes, by row number; what somebody has deleted is missing."""
        found = self._some("id, item_index, ok, value, pickle, attempts, worker, started, ended", rows)
        return {row: tuple(columns) for row, *columns in found}

    # --- recording

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what happens inside is written, or nothing; nobody else writes meanwhile."""
        with self._explained("written"):
            if self._connection.in_transaction:  # an interrupt came between the two halves of the last one
                self._connection.execute("ROLLBACK")
            self._patiently(lambda: self._connection.execute("BEGIN IMMEDIATE"))
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    def begin_run(self, function: int, version: str) -> int:
        """The number of a new run."""
        facts = (function, time.time(), socket.gethostname(), os.getpid(), platform.python_version(), version)
        with self.transaction():
            return self._insert(
                "INSERT INTO runs (function, started, host, pid, python, plait) VALUES (?, ?, ?, ?, ?, ?)", facts
            )

    def end_run(self, run: int, items: int, recalled: int, failed: int) -> None:
        """The run has ended in good order."""
        with self.transaction():
            self._connection.execute(
                "UPDATE runs SET ended = ?, items = ?, recalled = ?, failed = ? WHERE id = ?",
                (time.time(), items, recalled, failed, run),
            )

    def append(self, rows: Iterable[Row], replaced: Iterable[int]) -> None:
        """Write outcomes, and remove the failures that they stand in for; inside of a transaction."""
        plain: list[Row] = []
        others: list[Row] = []
        for row in rows:
            (plain if len(row) == PLAIN_COLUMNS else others).append(row)
        self._connection.executemany(_INSERT_PLAIN, plain)
        self._connection.executemany(_INSERT, others)
        self._connection.executemany("DELETE FROM outcomes WHERE id = ?", ((row,) for row in replaced))

    def written(self, run: int, index: int) -> bool:
        """Whether the run has recorded that item; slow, for those who do not know whether a commit came through."""
        return self._one("SELECT 1 FROM outcomes WHERE run = ? AND item_index = ?", run, index) is not None

    def mark_failed(self, rows: Iterable[int]) -> None:
        """These outcomes turned out to be unreadable."""
        with self.transaction():
            self._connection.executemany("UPDATE outcomes SET ok = 0 WHERE id = ?", ((row,) for row in rows))

    # --- the database

    def _prepare(self) -> None:
        execute = self._connection.execute
        version, application, tables = self._patiently(self._identity)
        if version == 0 and tables:
            raise JournalError(f"{self.path!r} is a database of something else; name another file for the journal")
        if version and application != _APPLICATION:
            raise JournalError(f"{self.path!r} is a database of another program; name another file for the journal")
        if version > SCHEMA:
            raise JournalError(
                f"the journal {self.path!r} has schema {version}, written by plait {self._writer()}; this plait reads "
                f"schema {SCHEMA}: upgrade plait, or name another file"
            )
        self._patiently(lambda: execute("PRAGMA journal_mode = WAL"))
        execute("PRAGMA synchronous = NORMAL")
        execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if version == 0:
            self._create()

    def _identity(self) -> tuple[int, int, int]:
        """Version, application and number of tables, all of the same moment: another run may be about to make them."""
        self._connection.execute("BEGIN")
        try:
            found = (
                self._one("SELECT count(*) FROM sqlite_master"),
                self._one("PRAGMA user_version"),
                self._one("PRAGMA application_id"),
            )
        finally:
            self._connection.execute("COMMIT")
        tables, version, application = (int(each[0]) for each in found if each is not None)
        return version, application, tables

    def _create(self) -> None:
        with self.transaction():
            if self._must("PRAGMA user_version")[0]:
                return  # another run was faster
            for statement in _TABLES.split(";\n"):
                if statement.strip():
                    self._connection.execute(statement)
            self._connection.execute("INSERT INTO meta VALUES ('schema', ?)", (SCHEMA,))
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _writer(self) -> str:
        found = self._one("SELECT plait FROM runs ORDER BY id DESC LIMIT 1")
        return str(found[0]) if found else "unknown"

    def _patiently(self, step: Callable[[], T]) -> T:
        """The step, again and again while another run writes; a wait that people notice is said."""
        began = time.monotonic()
        said = False
        while True:
            try:
                return step()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _BUSY:
                    raise
                waited = time.monotonic() - began
                if waited > _SAID_AFTER and not said:
                    said = True
                    warn(
                        f" waits to write to the journal {self.path!r}, for {_MOST_WAIT:.0f} s at most: "
                        f"{writer_of(self.path)} has a transaction open there; commit it, or end that program"
                    )
                if waited > _MOST_WAIT:
                    raise

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        return found

    def _must(self, query: str, *values: object) -> tuple[Any, ...]:
        with self._explained("read"):
            found = self._one(query, *values)
        assert found is not None, query
        return found

    def _some(self, columns: str, rows: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        with self._explained("read"):
            for start in range(0, len(rows), _MANY):
                part = rows[start : start + _MANY]
                marks = ", ".join("?" * len(part))
                query = f"SELECT {columns} FROM outcomes WHERE id IN ({marks})"  # noqa: S608  columns of ours
                yield from self._connection.execute(query, part)

    def _insert(self, query: str, row: Row) -> int:
        number = self._connection.execute(query, row).lastrowid
        assert number is not None, query
        return number

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(f"the journal {self.path!r} cannot be {what}: {_explain(error, self.path)}") from error


def _explain(error: sqlite3.Error, path: str) -> str:
    """The cause and what to do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return f"{writer_of(path)} has been writing to it for {_MOST_WAIT:.0f} seconds ({error})"
    if code in _NO_ROOM:
        return f"{error}; make room, then run again: what is in it stays valid"
    if code in _DAMAGED:
        return f"{error}; name another file, or save what can be read with: sqlite3 FILE .recover"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return f"{error}; it and its folder must be writable, or name another file"
    return f"{error}"
