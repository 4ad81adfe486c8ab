"""The part of the contract about journals: what is recorded is not run again, and takes its place among what is run."""

from __future__ import annotations

import plait
from plait.testing._functions import fail_until, mark_or_meet, marks
from plait.testing._support import ContractBase, raises

_FAR = 700  # items between two that meet: more than any window holds


class JournalsContract(ContractBase):
    """Recording and recalling."""

    def test_what_is_recorded_is_not_run_again(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [(f"{folder}/{number}", number % 3) for number in range(40)]
            journal = f"{folder}/run.sqlite"
            first = list(plait.map(fail_until, items, engine=engine, retry=2, journal=journal).outcomes())
            stream = plait.map(fail_until, items, engine=engine, journal=journal)
            assert list(stream.outcomes()) == first
            assert [marks(path) for path, _ in items] == [number % 3 + 1 for number in range(40)]
            assert stream.report.recalled == stream.report.items == 40

    def test_the_recorded_and_the_new_come_in_their_order(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [(f"{folder}/{number}", 0) for number in range(90)]
            journal = f"{folder}/run.sqlite"
            some = [item for number, item in enumerate(items) if number % 9 in (0, 1, 2, 5)]
            assert len(list(plait.map(fail_until, some, engine=engine, journal=journal))) == 40
            for order in ("input", "completion"):
                stream = plait.map(fail_until, iter(items), engine=engine, order=order, journal=journal)
                indices = [outcome.index for outcome in stream.outcomes()]
                assert (indices if order == "input" else sorted(indices)) == list(range(90))
                assert [marks(path) for path, _ in items] == [1] * 90

    def test_the_recorded_does_not_keep_workers_idle(self) -> None:
        parties = min(self.workers, 2)
        with self.folder() as folder, self.engine() as engine:
            journal = f"{folder}/run.sqlite"
            done = [(f"{folder}/{number}", -1, parties) for number in range(_FAR)]
            assert list(plait.map(mark_or_meet, done, engine=engine, journal=journal)) == [-1] * _FAR
            whole: list[tuple[str, int, int]] = []
            for number in range(parties):
                whole += [(folder, number, parties), *done[number * _FAR // parties : (number + 1) * _FAR // parties]]
            found = list(plait.map(mark_or_meet, whole, engine=engine, workers=self.workers, journal=journal))
            assert [value for value in found if value >= 0] == list(range(parties))
            assert len(found) == _FAR + parties

    def test_what_failed_is_run_again_unless_it_is_to_be_left(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [(f"{folder}/{number}", 1 if number == 3 else 0) for number in range(8)]
            journal = f"{folder}/run.sqlite"
            with raises(ConnectionError):
                list(plait.map(fail_until, items[:4], engine=engine, workers=1, journal=journal))
            left = plait.Journal(journal, retry_failed=False)
            with raises(ConnectionError) as caught:
                list(plait.map(fail_until, items, engine=engine, journal=left))
            assert str(caught[0]) == "attempt 1"
            assert any("item 3" in note for note in caught[0].__notes__)
            stream = plait.map(fail_until, items, engine=engine, journal=journal)
            assert list(stream) == [1] * 8
            assert marks(items[3][0]) == 2
            assert "1 again because they had failed" in stream.report.journal

    def test_what_was_computed_when_the_loop_was_left_is_recorded(self) -> None:
        with self.folder() as folder, self.engine() as engine:
            items = [(f"{folder}/{number}", 0) for number in range(60)]
            journal = f"{folder}/run.sqlite"
            seen = 0
            for _ in plait.map(fail_until, items, engine=engine, journal=journal):
                seen += 1
                if seen == 20:
                    break
            stream = plait.map(fail_until, items, engine=engine, journal=journal)
            assert list(stream) == [1] * 60
            assert stream.report.recalled >= 20
            assert all(1 <= marks(path) <= 2 for path, _ in items)
