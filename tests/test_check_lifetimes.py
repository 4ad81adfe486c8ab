"""What the program lets go of dies when it would without us: nothing that is kept for an execution shows."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from textwrap import dedent

import pytest

from plait._check import explore, places
from plait._check.explore import explore_script
from plait._check.places import Places

BEGIN = """
import gc
import threading
import weakref

class Session:
    pass

class Slotted:
    __slots__ = ("inner",)

class Closing:
    def __del__(self):
        closed.append(threading.current_thread().name)

closed = []

def has_died(seen):
    return seen() is None
"""
END = """
threads = [threading.Thread(target=work, name=name) for name in ("one", "other")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
ENDS = {
    "a list of the values": """
        sessions = {number: Session() for number in range(3)}
        for session in list(sessions.values()):
            session.seen = True
        del session
        seen = weakref.ref(sessions.pop(1))
        assert has_died(seen)
    """,
    "a list that is measured": """
        session = Session()
        seen = weakref.ref(session)
        assert len(list([session])) == 1
        del session
        assert has_died(seen)
    """,
    "a list that is sorted": """
        session = Session()
        seen = weakref.ref(session)
        assert sorted([session], key=id) == [session]
        del session
        assert has_died(seen)
    """,
    "an iterator": """
        session = Session()
        seen = weakref.ref(session)
        for number, each in enumerate([session]):
            each.number = number
        del session, each
        assert has_died(seen)
    """,
    "a weak set": """
        sessions = [Session(), Session()]
        known = weakref.WeakSet(sessions)
        for session in list(sessions):
            session.seen = True
        del session
        assert len(known) == 2
        sessions.pop()
        assert len(known) == 1
    """,
    "an old container in another": """
        rooms = {"a": [Closing()], "b": []}
        for _ in range(30):
            rooms["a"][0].seen = True
        before = len(closed)
        rooms["a"] = None
        assert threading.current_thread().name in closed[before:]
    """,
    "slots": """
        slotted = Slotted()
        slotted.inner = Session()
        slotted.inner.seen = True
        seen = weakref.ref(slotted.inner)
        del slotted
        assert has_died(seen)
    """,
    "a circle that is collected": """
        parent = Session()
        parent.children = [Session()]
        parent.children[0].above = {"parent": parent}
        parent.children[0].above["parent"].seen = True
        seen = weakref.ref(parent)
        stays = [{"one": (1, 2)}]
        assert stays[0]["one"] == (1, 2)
        del parent
        gc.collect()
        assert has_died(seen)
        assert stays[0]["one"] == (1, 2)
        assert not gc.garbage
    """,
    "a finalizer": """
        session = Session()
        known = weakref.finalize(session, int)
        assert known.alive
        assert len([session]) == 1
        del session
        assert not known.alive
    """,
}


@pytest.mark.parametrize("name", ENDS)
def test_what_is_let_go_dies_as_it_would_without_us(name: str, tmp_path: Path) -> None:
    work = f"\ndef work():\n{dedent(ENDS[name]).replace(chr(10), chr(10) + '    ')}\n"
    (tmp_path / "program.py").write_text(BEGIN + work + END)
    exec(compile(BEGIN + work + "work()", "alone", "exec"), {"__name__": "alone"})
    found = explore_script(tmp_path / "program.py", runs=20, seconds=None)
    assert found.verdict.word == "passed", found.record and found.record.failure


def test_finalizers_run_at_the_end_of_each_execution_and_only_its_own(tmp_path: Path) -> None:
    class Ours:
        pass

    ours = Ours()
    known = weakref.finalize(ours, int)
    (tmp_path / "program.py").write_text(
        dedent(
            """
            import atexit
            import os
            import threading
            import weakref

            class Session:
                pass

            def at_the_end():
                if ended != ["second", "first"]:
                    os._exit(1)

            ended = []
            atexit.register(at_the_end)
            first, second = Session(), Session()

            def work():
                weakref.finalize(first, ended.append, "first")
                weakref.finalize(second, ended.append, "second")

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            assert not weakref.finalize._shutdown
            assert not ended
            """
        )
    )
    result = explore_script(tmp_path / "program.py", runs=5, seconds=None)
    assert result.verdict.word == "passed"
    assert known.alive
    del ours
    assert not known.alive


def test_a_number_is_not_given_again_and_what_lives_keeps_its_own() -> None:
    places = Places()
    lives = [1]
    first = places.number(lives)
    addresses, numbers = set(), {first}
    for _ in range(50):
        passing = [2]
        addresses.add(id(passing))
        numbers.add(places.number(passing))
        del passing
        places.sweep(0)
    assert len(numbers) == 51
    assert len(addresses) < 50
    assert places.number(lives) == first
    assert len(places.numbers) == 1
    places.collect()
    assert places.number(lives) == first


def test_a_long_execution_looks_seldom() -> None:
    places = Places()
    many = [[] for _ in range(1000)]
    for each in many:
        places.add(each)
    events = 0
    while places.due <= events:
        places.sweep(events)
    assert places.due > 1000


def test_a_thread_may_collect_while_a_finalizer_of_another_one_gives_way(tmp_path: Path, nothing_left: None) -> None:
    program = """
        import gc, threading
        closed = []
        class Circle:
            def __init__(self): self.itself = self
            def __del__(self): closed.append(1)
        def use():
            Circle()
            gc.collect()
        threads = [threading.Thread(target=use) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        gc.collect()
        assert len(closed) == 2, closed
    """
    file = tmp_path / "program.py"
    file.write_text(dedent(program))
    result = explore_script(file, runs=60, seconds=20.0)
    assert result.verdict.word == "passed", result.record and result.record.failure


def test_a_finalizer_is_run_under_locks_of_a_large_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for number in range(40):
        (tmp_path / f"part{number}.py").write_text("n = 0\n")
    program = f"""
        import threading
        import {", ".join(f"part{number}" for number in range(40))}
        first, lock = threading.Lock(), threading.Lock()
        class Counted:
            def __init__(self): self.itself = self
            def __del__(self):
                with lock: part1.n -= 1
        def use():
            with first: Counted()
            with lock: part1.n += 1
        threads = [threading.Thread(target=use) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """
    file = tmp_path / "program.py"
    file.write_text(dedent(program))
    result = explore_script(file, runs=60, seconds=20.0)
    assert result.record is not None
    assert result.record.failure is not None
    assert result.record.failure.kind == "deadlock", result.record.failure


def test_collections_under_locks_do_not_look_through_what_the_search_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    looked_through: list[int] = []
    monkeypatch.setattr(places, "_collect", lambda: looked_through.append(len(gc.get_objects())))
    monkeypatch.setattr(explore, "_program_freezes", lambda: False)
    file = tmp_path / "program.py"
    file.write_text(
        "kept = [[] for _ in range(5_000)]\n"
        + dedent(BEGIN + "lock = threading.Lock()\ndef work():\n    with lock: pass\n" + END)
    )
    keeps: list[object] = []
    explore_script(file, runs=8, seconds=None, examine=lambda _: keeps.append([[] for _ in range(10_000)]))
    gc.freeze()  # as before: it has thawed what the test run keeps, too
    assert len(keeps) == 8
    assert max(looked_through) < 30_000  # the program's own, and what was made after the last execution
