"""Keeper: keeps the journal of one run. It knows what is recorded, recalls it, and records what is new.

The walk of an item: `sift` digests it when it is pulled and looks whether the journal has its outcome. If so, it goes
to the consumer as a part of a `Recalled` batch, and is read when its turn comes (`read`). If not, the digest is kept
until the item has been run; its outcome is then recorded (`record`) and committed together with others, before it is
delivered (`commit`).

Each recorded outcome stands for one execution and is recalled once: of equal items, as many are run as were not yet.
Used by one thread at a time, the consumer's.
"""

from __future__ import annotations

import os
import sys
import time
from _collections_abc import Iterable, Iterator
from typing import Any

from plait._core.batch import Batch
from plait._core.digest import Digester, Undigestible
from plait._core.errors import Cancelled, JournalError, UsageError
from plait._core.feed import Feed
from plait._core.our_frames import without_our_frames
from plait._core.outcome import brief
from plait._engines.pickling.locate import find
from plait._run.recording.function_key import Codes
from plait._run.recording.journal import Journal
from plait._run.recording.journal_file import JournalFile
from plait._run.recording.journal_rows import Recorded, Row, Unstorable, item_of, recorded, row_of, succeeded
from plait._run.recording.journal_words import JournalWords, differences
from plait._run.recording.recalled import Recalled
from plait._run.recording.shelf import Shelf
from plait._run.report import Report

_GATHER_SECONDS = 0.05  # that finished outcomes may wait for others to be committed with
_GATHER_ROWS = 4096
_PIECE_BYTES = 1 << 23  # of recalled values that are in memory at the same time


class Keeper:
    """The journal as one run uses it.

    Attributes:
        recalled: how many items got their outcome from the journal.
    """

    def __init__(self, journal: Journal, function: Any) -> None:
        self._path = os.fspath(journal.path)
        self._retry_failed = journal.retry_failed
        self._fn = function
        self._item_key = getattr(function, "__plait_item_key__", None)
        self._epoch = 0.0
        self._run = 0
        self._opened: JournalFile | None = None
        self._codes = Codes()
        self._digest = Digester(self._codes.class_digest).digest
        self._shelf = Shelf()
        self._older: set[bytes] = set()  # items that other versions of the function have a value for
        self._keys: dict[int, bytes] = {}  # digests of the items that are being run, by index
        self._replaces: dict[int, int] = {}  # the rows of their earlier failures
        self._refused: dict[int, BaseException] = {}
        self._rows: dict[int, Row] = {}  # to be committed, by index: recording an item again changes nothing
        self._since = 0.0
        self._in_doubt = False
        self._broken = False
        self._words = JournalWords(self._path)
        self.recalled = 0

    def attach(self, feed: Feed, epoch: float) -> None:
        """The run begins: from here on new items are sifted. `epoch` turns its clock into seconds since 1970.

        Raises:
            JournalError: the journal cannot be used.
        """
        key = self._codes.key(self._fn)
        file = self._file
        self._epoch = epoch
        self._function = file.function(key)
        others = file.other_versions(key)
        if others:
            self._older = file.items_of(number for number, _ in others)
            self._words.changed = differences(others[0][1], key.parts)
        self._words.loose = key.loose
        self._run = file.begin_run(self._function, getattr(sys.modules["plait"], "__version__", ""))
        self._hear()
        self._feed = feed
        feed.sift(self.sift)

    # --- recalling

    def sift(self, base: int, items: list[object]) -> list[tuple[int, int]]:
        """The ranges of indices whose outcomes are known, after putting them where the engine yields them."""
        self._hear()
        found: dict[int, int] = {}
        for index, item in enumerate(items, base):
            try:
                key = self._digest(item if self._item_key is None else self._item_key(item, index))
            except Undigestible as error:
                self._refused[index] = self._refusal(index, item, error)
                found[index] = 0
                continue
            row = self._shelf.take(key) if self._shelf else None
            if row is not None and (row > 0 or not self._retry_failed):
                found[index] = row
                continue
            self._keys[index] = key
            if row is not None:
                self._replaces[index] = -row
                self._words.failed += 1
            elif key in self._older:
                self._words.outdated += 1
        ranges = list(_ranges(found))
        for start, stop in ranges:
            rows = [found[index] for index in range(start, stop)]
            self.recalled += sum(row != 0 for row in rows)
            self._feed.withdrawn.append(Recalled(start, items[start - base : stop - base], rows))
        return ranges

    def read(self, batch: Recalled) -> Iterator[Recalled]:
        """The batch with its outcomes, in pieces that fit into memory."""
        file = self._file
        sizes = file.sizes([abs(row) for row in batch.rows])
        start = total = 0
        for offset, row in enumerate(batch.rows):
            size = sizes.get(abs(row), 0)
            if offset > start and total + size > _PIECE_BYTES:
                yield self._filled(batch.part(start, offset))
                start, total = offset, 0
            total += size
        yield self._filled(batch.part(start, len(batch.items)))

    def _filled(self, piece: Recalled) -> Recalled:
        found = self._file.read([abs(row) for row in piece.rows if row])
        records = []
        unreadable = []
        for offset, row in enumerate(piece.rows):
            if not row:
                records.append(Recorded(None, self._refused.pop(piece.base + offset), 0, "", 0.0, 0.0))
                continue
            if abs(row) not in found:
                raise JournalError(f"row {abs(row)} of the journal {self._path!r} was deleted while it was in use")
            record = recorded(found[abs(row)], piece.base + offset)
            if isinstance(record.error, JournalError):
                unreadable.append(abs(row))
            records.append(record)
        if unreadable and not self._broken:
            self._file.mark_failed(unreadable)
        piece.read(records)
        return piece

    def _hear(self) -> None:
        """Note what other runs have recorded meanwhile, at the first time what was there before."""
        for row, key, ok in self._file.news(self._function, self._run):
            self._shelf.put(key, row if ok else -row)

    def _refusal(self, index: int, item: object, error: Undigestible) -> UsageError:
        path, culprit = find(item, "item", self._has_no_digest)
        where = "it" if culprit is item else f"{path}, a {type(culprit).__qualname__},"
        refusal = UsageError(
            f"item {index}, {brief(item)}, cannot be found again in a journal: {where} has no content ({error}); "
            "map over what it is made from, or give its class a method __plait_key__ that returns plain data"
        )
        if (cause := error.__cause__) is not None:  # the user's own, with the place where it was raised
            refusal.__cause__ = cause.with_traceback(without_our_frames(cause.__traceback__))
        return refusal

    def _has_no_digest(self, value: object) -> bool:
        try:
            self._digest(value)
        except Undigestible:
            return True
        return False

    # --- recording

    def record(self, batch: Batch) -> None:
        """The items of the batch have their final outcomes; `commit` writes them."""
        if self._broken:
            return
        if not self._rows:
            self._since = time.perf_counter()
        for offset in range(len(batch.items)):
            index = batch.base + offset
            key = self._keys.get(index)
            if key is None:
                continue
            try:
                if not isinstance(batch.failures.get(offset), Cancelled):
                    self._rows[index] = row_of(batch, offset, self._run, key, self._epoch)
            except Unstorable as error:
                self._words.unstored.append(f"item {index}: {error}")
            del self._keys[index]  # now that it is certain

    @property
    def may_gather(self) -> bool:
        """Whether what is to be committed may wait for more of it."""
        return 0 < len(self._rows) < _GATHER_ROWS and time.perf_counter() - self._since < _GATHER_SECONDS

    def commit(self) -> None:
        """Write what was recorded. What is delivered after that is not lost, whatever happens.

        Raises:
            JournalError: it cannot be written; nothing more will be.
        """
        if not self._rows or self._broken:
            return
        file = self._file
        try:
            with file.transaction():
                if self._in_doubt and file.written(self._run, next(iter(self._rows))):
                    self._rows.clear()  # an interrupt came just after they had been written
                self._hear()
                rows, replaced = self._not_recorded_by_others()
                file.append(rows, replaced)
                self._in_doubt = True
        except JournalError:
            self._broken = True
            raise
        for index in self._rows:
            self._replaces.pop(index, None)
        self._rows.clear()
        self._in_doubt = False

    def close(self, report: Report) -> None:
        """The run has ended: write what is left and let go of the file.

        Raises:
            JournalError: it cannot be written.
        """
        file = self._opened
        if file is None:
            return
        try:
            self.commit()
            if self._run and not self._broken:
                file.end_run(self._run, report.items, self.recalled, report.failed)
        finally:
            self._opened = None
            file.close()
            self._words.warn()

    def update(self, report: Report) -> None:
        """Say in the report what came from the journal."""
        report.recalled = self.recalled
        report.journal = self._words.text(self.recalled, report.items)

    @property
    def _file(self) -> JournalFile:
        """The open file; opened again for who reads what was left when the run ended."""
        if self._opened is None:
            self._opened = JournalFile(self._path)
        return self._opened

    def _not_recorded_by_others(self) -> tuple[list[Row], list[int]]:
        """Our rows, without those of items that another run has recorded since we began them; failures they replace."""
        replaced = [self._replaces[index] for index in self._rows if index in self._replaces]
        if not self._shelf:
            return list(self._rows.values()), replaced
        ours: list[Row] = []
        for row in self._rows.values():
            theirs = self._shelf.take(item_of(row))
            if theirs is None:
                ours.append(row)
            elif theirs < 0 and succeeded(row):
                ours.append(row)
                replaced.append(-theirs)
        return ours, replaced


def _ranges(indices: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending indices as ranges from start to stop."""
    start = stop = -1
    for index in indices:
        if index != stop:
            if start < stop:
                yield start, stop
            start = index
        stop = index + 1
    if start < stop:
        yield start, stop
