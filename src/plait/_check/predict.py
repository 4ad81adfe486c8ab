"""What an execution that passed makes likely to fail, with the switches to try; only what then happens is told.

A prediction is never told as a defect: code can be ordered by things that no analysis of one execution sees, and
then the alarm would be false. So its switches are run. If that execution fails, the failure is explained. If it passes
but an update was lost in it before our eyes, the loss is told. Everything else was a wrong guess and is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plait._check.explain.deadlock import explain_prediction
from plait._check.explain.let_in import let_in
from plait._check.explain.split import explain_split
from plait._check.findings import Finding
from plait._check.reading.atomicity import Split, candidates, splits
from plait._check.reading.deadlocks import Cycle, predicted
from plait._check.reading.history import History
from plait._check.reading.races import modifies, races
from plait._check.reading.reversals import reversals
from plait._check.reading.source import Sources
from plait._check.reading.steer import awake
from plait._check.reading.words import Words
from plait._check.record import Record, Switch
from plait._core.event import Site


class Prediction(NamedTuple):
    """Switches worth trying, and why: "deadlock", "data race", a kind of atomicity violation, or "order".

    `sites` are the places in the source that it is about: of a data race read, write of another thread, and write.
    `note` is what a deadlock may be told as, in a side remark, when no execution confirms it. `early` says that short
    sleeps end at once in it.
    """

    kind: str
    switches: tuple[Switch, ...]
    sites: tuple[Site | None, ...]
    note: Finding | None = None
    early: bool = False


def predictions(record: Record, sources: Sources) -> list[Prediction]:
    """What to try after an execution that passed, the surest first; no switches twice."""
    history = History(record)
    words = Words(history, sources)
    found = [
        Prediction(
            "deadlock",
            cycle.switches,
            _locks(history, cycle),
            words.named(explain_prediction(history, cycle, sources)),
        )
        for cycle in predicted(history)
    ]
    found += [Prediction("data race", race.switches, _sites(history, race.split)) for race in races(history, sources)]
    found += [Prediction(one.split.kind, one.switches, _sites(history, one.split)) for one in candidates(history)]
    found += [Prediction("order", reversal.switches, reversal.sites) for reversal in reversals(history)]
    unique: dict[tuple[Switch, ...], Prediction] = {}
    for prediction in _with_early(history, found):
        unique.setdefault(prediction.switches, prediction)
    return list(unique.values())


def _with_early(history: History, predictions: Sequence[Prediction]) -> list[Prediction]:
    """The same, and each with sleeps that end at once: those of deadlocks right behind the plain one, others last."""
    found, last = [], []
    for prediction in predictions:
        plain = prediction._replace(switches=awake(history, prediction.switches, all_of_them=False))
        early = prediction._replace(switches=awake(history, prediction.switches, all_of_them=True), early=True)
        if early.switches == plain.switches:
            found.append(plain)
        elif plain.note is not None:  # which is told when the second has not come true either
            found += [plain._replace(note=None), early]
        else:
            found.append(plain)
            last.append(early)
    return found + last


def loss(record: Record, sources: Sources) -> Finding | None:
    """The finding for the first update that was lost in this execution, though the program did not notice."""
    history = History(record)
    return next((_told(history, split, sources) for split in _losses(history, sources)), None)


def lost(prediction: Prediction, record: Record, sources: Sources) -> Finding | None:
    """The finding when a predicted race has lost an update in this execution, though the program did not notice."""
    if prediction.kind != "data race":
        return None
    history = History(record)
    found = (split for split in _losses(history, sources) if _sites(history, split) == prediction.sites)
    return next((_told(history, split, sources) for split in found), None)


def _losses(history: History, sources: Sources) -> Iterator[Split]:
    """The updates between whose read and write another thread has written.

    Sites alone do not say so: the read and the write of ``n += 1`` have one and the same, and in a loop, the write of
    one round and the read of the next surround the writes of others without any harm.
    """
    for split in splits(history):
        if split.kind == "lost update" and modifies(history, split.first, split.second, sources):
            yield split


def _told(history: History, split: Split, sources: Sources) -> Finding:
    finding = explain_split(history, split._replace(kind="data race"), sources)
    return Words(history, sources).named(let_in(finding, sources))


def _sites(history: History, split: Split) -> tuple[Site | None, ...]:
    return tuple(history.sites(*split[1:]))


def _locks(history: History, cycle: Cycle) -> tuple[Site | None, ...]:
    return tuple(history.events[index].site for edge in cycle.edges for index in (edge.since, edge.at))
