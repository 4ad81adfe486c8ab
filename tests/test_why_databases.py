"""``plait why`` of who waits for a locked database: SQLite sleeps between its tries, and may be seen in one of them."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from types import FrameType

import pytest
from hanging import diagnosed

from plait._see.whereabouts import program_frame
from plait._see.why import inside as why_inside
from plait._see.why import outside as why_outside
from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, OtherEnd, Thread
from plait._see.why.keys import is_own

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
SLEEPS, RUNS = "hrtimer_nanosleep", ""


@pytest.mark.parametrize(("first", "second"), [(SLEEPS, SLEEPS), (SLEEPS, RUNS), (RUNS, SLEEPS)])
@pytest.mark.parametrize("busy", [False, True])
def test_one_of_two_looks_is_enough(first: str, second: str, busy: bool, tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("connection.execute('insert')\n")
    end = OtherEnd("file", "/data/app.db", (7,))
    looks = [
        Thread("a", 1, 5, (Frame(str(file), 1, "save"),), busy and not at, where=at, other_end=end if at else None)
        for at in (first, second)
    ]
    found = diagnose(Dump(1, (why_outside._over_time(looks[0], looks[1], set(), {5}),)))
    assert found is not None
    assert found.title == "The database app.db is locked"
    assert found.processes == (7,)


def test_a_library_that_asks_the_database_is_looked_at(tmp_path: Path) -> None:
    own, library = tmp_path / "app.py", tmp_path / "site-packages" / "orm.py"
    library.parent.mkdir()
    own.write_text("user.save()\n")
    library.write_text("cursor.execute(statement)\n")
    frames = (Frame(str(library), 1, "do"), Frame(str(own), 1, "save"))
    end = OtherEnd("file", "/data/app.db", (7,))
    found = diagnose(Dump(1, (Thread("a", 1, 5, frames, False, where=SLEEPS, other_end=end),)))
    assert found is not None
    assert found.title == "The database app.db is locked"
    assert found.steps[0].place == "app.py:1"


def test_who_runs_just_now_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(["", "", SLEEPS])
    monkeypatch.setattr(why_inside, "waits_in", lambda *_: next(looks))
    assert why_inside._waits_in(1, 5, busy=False) == SLEEPS
    looks = iter([""])
    assert why_inside._waits_in(1, 5, busy=True) == ""


@linux
def test_a_database_that_another_connection_has_locked(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    has = sqlite3.connect(path, isolation_level=None)
    has.execute("create table t(x)")
    has.execute("begin immediate")
    if not Path("/proc/locks").read_text():
        pytest.skip("the system does not tell who has locked files")

    def saves() -> None:
        wants = sqlite3.connect(path, timeout=60)
        wants.execute("insert into t values (1)")
        wants.commit()
        wants.close()

    found = diagnosed(saves, "The database app.db is locked", has.commit)
    has.close()
    assert "This process itself has locked it" in found.why


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("<string>", True),
        ("<stdin>", True),
        ("<ipython-input-1-abc>", True),
        ("<doctest app[0]>", True),
        ("<frozen importlib._bootstrap>", False),
        ("<sqlalchemy generated warned() wrapper for sqlalchemy.orm.session.Session._flush>", False),
        ("<attrs generated methods app.User>", False),
        ("<decorator-gen-12>", False),
    ],
)
def test_what_a_library_has_made_is_not_the_programs_own(file: str, own: bool) -> None:
    assert is_own(Frame(file, 2, "flush")) is own
    frames: list[FrameType] = []
    exec(compile("look()", file, "exec"), {"look": lambda: frames.append(sys._getframe(1))})
    found = program_frame(frames[0])
    assert found is not None
    assert (found.f_code.co_filename == file) is own
