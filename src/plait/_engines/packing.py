"""Packer: gets a remote worker's results ready to go home: opcodes, pickles, and what is large in its memory."""

from __future__ import annotations

from _pickle import dumps

from plait._engines import entries, wire
from plait._engines.arena import Arena, ArenaFull
from plait._engines.board import Board
from plait._engines.carried import STRANGERS
from plait._engines.pickling.codec import encode, encode_small
from plait._engines.remote import describe

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would double a worker's start-up time
    from typing import NoReturn


class Packer:
    """For one worker. A child that the function has forked leaves instead: its results are nobody's.

    Attributes:
        flat: by the type of a result, what gives its opcodes; it has none where `entry` is to be asked.
        forked: whether this is such a child.
    """

    def __init__(self, board: Board | None, arena: Arena | None) -> None:
        self._board = board
        self._arena = arena
        self.flat = entries.Flat(entries.FLAT)
        self.forked = False

    def note_fork(self) -> None:
        """This is a child that the function has forked."""
        self.forked = True
        self.flat.clear()  # so that `entry` is asked about everything that is returned

    def leave_child(self, error: BaseException | None) -> NoReturn:
        """End this child, as a program ends that has come to its end, or has raised the error."""
        from plait._engines import forked  # most functions do not fork

        forked.leave(error)

    def entry(self, value: object) -> bytes:
        """The entry of a result that has no opcodes."""
        if self.forked:
            self.leave_child(None)
        return entries.wrapped(*self._packed(value))

    def failure(self, error: BaseException) -> bytes:
        """What says that an item has failed."""
        if self.forked:
            self.leave_child(error)
        return dumps(describe(error, ours=True), 5)

    def whole(self, values: list[object], failures: dict[int, object]) -> bytes:
        """All results of a batch in one piece, the values taken out of their list where they cannot stay in it."""
        try:
            if not STRANGERS.here:
                return dumps((values, failures, {}), 5)
        except Exception:  # noqa: S110  some value does not pickle plainly: below, one by one
            pass
        stored: dict[int, tuple[int, bytes]] = {}
        for offset, value in enumerate(values):
            if type(value) not in entries.PLAIN_TYPES:
                stored[offset] = self._packed(value)
                values[offset] = None
        return dumps((values, failures, stored), 5)

    def placed(self, data: bytes) -> tuple[int, bytes, int]:
        """All results of a batch: where they are, what the frame says of it, and their length."""
        length = len(data)
        if self._board is not None and self._board.put_whole(data):
            return wire.ON_BOARD, b"", length
        if self._arena is not None:
            try:
                return wire.IN_ARENA, dumps(self._arena.put(memoryview(data)), 5), length
            except ArenaFull:
                pass
        return wire.WHOLE, data, length

    def _packed(self, value: object) -> tuple[int, bytes]:
        small = encode_small(value)
        if small is not None:
            return entries.VALUE, small
        try:
            packed = encode(value, self._arena, home=True)
        except Exception as error:
            return entries.FAILURE, self.failure(_refused(value, error))
        if not packed.refs:
            return entries.VALUE, packed.data
        return entries.STORED_VALUE, dumps((packed.refs, packed.stored, packed.data), 5)


def _refused(value: object, error: Exception) -> Exception:
    from plait._core.errors import NotTransferable
    from plait._engines.pickling.locate import explain

    return NotTransferable(f"the result cannot be sent back: {explain(value, 'result', error)}").with_traceback(None)
