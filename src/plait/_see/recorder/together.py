"""Recorders: all that note for a trace what a program does, put in place and taken away together."""

from __future__ import annotations

from plait._see.recorder.backlog import BacklogRecorder
from plait._see.recorder.calls import CallRecorder
from plait._see.recorder.garbage import GarbageRecorder
from plait._see.recorder.imports import ImportRecorder
from plait._see.recorder.library import LibraryRecorder
from plait._see.recorder.lines import LineRecorder
from plait._see.recorder.processes import ProcessRecorder
from plait._see.recorder.shared import SharedRecorder
from plait._see.recorder.starts import StartRecorder
from plait._see.recorder.steps import Steps
from plait._see.recorder.tasks import TaskRecorder
from plait._see.recorder.transfer import TransferRecorder
from plait._see.recorder.trio import TrioRecorder
from plait._see.recorder.turns import TurnRecorder
from plait._see.recorder.waits import Recorder
from plait._see.unseen_thread import UnseenAtForks


class Recorders:
    """One of each; those that wrap what another has wrapped come after it, and go before it."""

    def __init__(self) -> None:
        self.waits = Recorder()
        self.library = LibraryRecorder(self.waits.noted, self.waits.unfinished)
        self.shared = SharedRecorder(self.waits.noted, self.waits.unfinished)
        self.steps = Steps()
        self.tasks = TaskRecorder(self.steps)
        self.trio = TrioRecorder(self.steps)
        self.transfer = TransferRecorder()
        self.calls = CallRecorder()
        self.processes = ProcessRecorder()
        self.starts = StartRecorder()
        self.turns = TurnRecorder()
        self.backlog = BacklogRecorder()
        self.lines = LineRecorder(self.waits.natives)
        self.imports = ImportRecorder(self.waits.noted, self.waits.unfinished, self.waits.natives)
        self.garbage = GarbageRecorder()
        self._at_forks = UnseenAtForks(self.lines.thread, self.steps.watch)
        self._wrappers = (
            self.library,
            self.shared,
            self.tasks,
            self.trio,
            self.transfer,
            self.calls,
            self.processes,
            self.starts,
            self.turns,
            self.backlog,
        )

    def install(self) -> None:
        """Begin."""
        self.waits.install()
        self._at_forks.install()
        for one in self._wrappers:
            one.install()
        self.lines.install()
        self.imports.install()
        self.garbage.install()

    def remove(self) -> None:
        """End."""
        self.garbage.remove()
        self.imports.remove()
        for one in reversed(self._wrappers):
            one.remove()
        self.steps.close()
        self._at_forks.remove()
        self.lines.remove()  # whose end is waited for: no wait of the program's
        self.waits.remove()
