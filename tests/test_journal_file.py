"""The file of a journal: its form, who may write to it when, and what is said when it cannot be used."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import plait
from plait._run.recording import journal_file
from plait.errors import JournalError

pytestmark = pytest.mark.usefixtures("nothing_left")


def double(x):
    return 2 * x


def run(journal, items=range(10), **options):
    return list(plait.map(double, items, engine="inline", journal=journal, **options))


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "run.sqlite"
    run(path)
    return path


@contextlib.contextmanager
def opened(path):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


# --- its form


def test_the_form_of_the_file(journal):
    """A change of this needs a new number of the schema, and code that reads the old one."""
    with opened(journal) as connection:
        tables = {
            table: [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("meta", "functions", "runs", "outcomes", "results")
        }
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT * FROM meta").fetchall() == [("schema", 1)]
        assert connection.execute("PRAGMA application_id").fetchone() == (0x504C4149,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert tables == {
        "meta": ["name", "value"],
        "functions": ["id", "name", "digest", "parts", "first_used"],
        "runs": ["id", "function", "started", "ended", "host", "pid", "python", "plait", "items", "recalled", "failed"],
        "outcomes": [
            "id", "run", "item_index", "item", "input", "ok", "value", "pickle", "error", "message", "traceback",
            "attempts", "worker", "started", "ended",
        ],
        "results": [
            "function", "item_index", "input", "ok", "value", "error", "message", "attempts", "worker", "started_utc",
            "seconds",
        ],
    }  # fmt: skip


def test_people_read_it_with_any_tool_for_sqlite(journal):
    with opened(journal) as connection:
        found = connection.execute(
            "SELECT function, item_index, input, ok, value, error FROM results LIMIT 2"
        ).fetchall()
        assert found == [(f"{__name__}.double", 0, 0, 1, 0, None), (f"{__name__}.double", 1, 1, 1, 2, None)]
        (run_,) = connection.execute("SELECT items, recalled, failed, pid, plait, ended >= started FROM runs")
        assert run_ == (10, 0, 0, os.getpid(), plait.__version__, 1)


def test_a_run_that_was_killed_has_no_end(tmp_path):
    program = "import os, sys, plait\nlist(plait.map(lambda x: os.kill(os.getpid(), 9), [1], engine='inline', journal=sys.argv[1]))"
    path = tmp_path / "run.sqlite"
    assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode == -9
    with opened(path) as connection:
        assert connection.execute("SELECT ended FROM runs").fetchall() == [(None,)]


def test_nothing_but_the_file_is_left_when_a_run_has_ended(journal):
    assert [path.name for path in journal.parent.iterdir()] == ["run.sqlite"]


def test_an_empty_file_becomes_a_journal(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    assert run(path) == [2 * n for n in range(10)]


# --- what cannot be used


def test_a_schema_of_a_newer_plait(journal):
    with opened(journal) as connection:
        connection.execute("PRAGMA user_version = 2")
        connection.execute("UPDATE runs SET plait = '9.1.0'")
    before = journal.read_bytes()
    with pytest.raises(JournalError) as caught:
        run(journal)
    assert str(caught.value) == (
        f"the journal {str(journal)!r} has schema 2, written by plait 9.1.0; this plait reads schema 1: upgrade plait, "
        "or name another file"
    )
    assert isinstance(caught.value, OSError)
    assert journal.read_bytes() == before


@pytest.mark.parametrize("version", [0, 3])
def test_a_database_of_something_else(tmp_path, version):
    path = tmp_path / "bank.sqlite"
    with opened(path) as connection:
        connection.execute("CREATE TABLE accounts (money)")
        connection.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"is a database of .*; name another file for the journal"):
        run(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("do not overwrite me\n" * 100)
    with pytest.raises(JournalError, match=r"cannot be (opened|read): file is not a database; name another file"):
        run(path)
    assert path.read_text() == "do not overwrite me\n" * 100


def test_a_damaged_file(journal):
    run(journal, range(3000))
    data = bytearray(journal.read_bytes())
    chance = random.Random(1)
    for page in range(2, len(data) // 4096):  # the first two keep what says that it is a journal
        data[page * 4096 : page * 4096 + 64] = chance.randbytes(64)
    journal.write_bytes(data)
    with pytest.raises(JournalError, match=r"malformed; name another file, or save what can be read with"):
        run(journal, range(3000))


@pytest.mark.parametrize("name", ["none/run.sqlite", "."])
def test_a_place_where_there_can_be_no_file(tmp_path, name):
    with pytest.raises(
        JournalError, match=r"there is no folder|unable to open database file; it and its folder must be"
    ):
        run(tmp_path / name)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody who may not write")
@pytest.mark.parametrize("protected", ["file", "folder"])
def test_a_file_that_may_not_be_written(protected, tmp_path):
    folder = Path("/tmp") / f"plait-{os.getpid()}-{protected}"  # pytest's own folder is closed to others
    folder.mkdir(mode=0o777)
    try:
        folder.chmod(0o777)
        path = folder / "run.sqlite"
        if protected == "file":
            run(path)
            path.chmod(0o444)
        else:
            folder.chmod(0o555)
        program = (
            "import os, sys, plait\n"
            "list(plait.map(abs, [1], engine='inline', journal=sys.argv[1]))  # to import everything while it may\n"
            "os.setresuid(65534, 65534, 65534)\n"
            "list(plait.map(abs, [1], engine='inline', journal=sys.argv[2]))\n"
        )
        command = [sys.executable, "-c", program, tmp_path / "other.sqlite", path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "JournalError: the journal" in done.stderr
        assert "it and its folder must be writable" in done.stderr
    finally:
        shutil.rmtree(folder)


def test_the_error_comes_before_anything_is_run(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("text" * 1000)
    calls = []
    stream = plait.map(calls.append, range(10), engine="inline", journal=path)
    with pytest.raises(JournalError):
        next(iter(stream))
    assert list(stream) == []
    assert calls == []


# --- who may write when


def test_a_run_waits_while_another_program_writes(journal):
    with opened(journal) as connection:
        connection.execute("BEGIN IMMEDIATE")
        waiting = threading.Thread(target=run, args=(journal, range(20)))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        connection.execute("COMMIT")
        waiting.join(30)
    with opened(journal) as connection:
        assert connection.execute("SELECT count(*) FROM outcomes").fetchone() == (20,)


WRITES = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("writes", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
connection.close()
"""


def test_a_wait_that_people_notice_says_who_writes(journal, monkeypatch):
    monkeypatch.setattr(journal_file, "_SAID_AFTER", 0.0)
    command = [sys.executable, "-c", WRITES, str(journal)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "writes\n"
        said = []

        def told(text):
            said.append(text)
            other.stdin.close()  # which lets the other program end its transaction

        monkeypatch.setattr(journal_file, "warn", told)
        assert run(journal, range(20)) == [2 * n for n in range(20)]
    (text,) = said
    assert f"waits to write to the journal {str(journal)!r}" in text
    if sys.platform == "linux":
        assert f"{sys.executable} -c import"[:60] in text
        assert f"(process {other.pid}) has a transaction open there" in text


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell who has a lock")
def test_a_transaction_of_this_program_is_told_as_its_own(journal, monkeypatch):
    monkeypatch.setattr(journal_file, "_SAID_AFTER", 0.0)
    monkeypatch.setattr(journal_file, "_MOST_WAIT", 0.3)
    with opened(journal) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with (
            pytest.warns(RuntimeWarning, match="another connection of this program has a transaction open there"),
            pytest.raises(JournalError, match="another connection of this program has been writing to it for"),
        ):
            run(journal)
        connection.execute("ROLLBACK")


def test_a_run_does_not_wait_for_ever(journal, monkeypatch):
    monkeypatch.setattr(journal_file, "_MOST_WAIT", 0.2)
    with opened(journal) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="another (program|connection of this program) has been writing to it"):
            run(journal)
        connection.execute("ROLLBACK")


def test_a_run_does_not_wait_for_those_who_read(journal):
    with opened(journal) as connection:
        connection.execute("BEGIN")
        assert connection.execute("SELECT count(*) FROM outcomes").fetchone() == (10,)
        assert run(journal, range(20)) == [2 * n for n in range(20)]
        connection.execute("COMMIT")


# --- a full disk


FULL = """
import resource, sys
import plait

def big(n):
    return bytes([n % 251]) * 20_000

limit = 1_000_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
stream = plait.map(big, range(200), engine=sys.argv[2], journal=sys.argv[1])
seen = []
try:
    for value in stream:
        assert value == big(len(seen))
        seen.append(value)
except plait.errors.JournalError as error:
    assert "make room, then run again" in str(error), error
    rest = [outcome.index for outcome in stream.outcomes() if outcome.ok]
    assert 5 < len(seen) < 60, len(seen)
    assert rest and min(rest) >= len(seen), rest
    assert stream.report.items == len(seen) + len(rest), stream.report
    print(len(seen))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of files are POSIX's")
@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_a_full_disk_loses_nothing(tmp_path, engine):
    path = tmp_path / "run.sqlite"
    done = subprocess.run([sys.executable, "-c", FULL, path, engine], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    delivered = int(done.stdout)
    with opened(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        recorded = {index for (index,) in connection.execute("SELECT item_index FROM outcomes")}
        assert recorded >= set(range(delivered))
        assert connection.execute("SELECT count(*) FROM outcomes").fetchone() == (len(recorded),)
