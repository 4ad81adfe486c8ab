"""`datetime` under check: it goes by the virtual clock, and nothing else about it is different."""

from __future__ import annotations

import copyreg
import datetime
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from plait._check.conclude import Checked, Subject, search
from plait._check.explore import Budget
from plait._check.programs.function_program import own_files
from plait._check.programs.program import Script

START = """
import copy, datetime as module, functools, pickle, sqlite3, sys, threading, time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

threading.Thread(target=print).start()
now = datetime.now()
"""
CASES = {
    "a sleep": """
utc, day, local = datetime.now(timezone.utc), date.today(), time.localtime()
time.sleep(3 * 86400)
assert timedelta(days=3) <= datetime.now() - now < timedelta(days=3, seconds=1)
assert timedelta(days=3) <= datetime.now(tz=timezone.utc) - utc < timedelta(days=3, seconds=1)
assert timedelta(days=3) <= datetime.today() - now < timedelta(days=3, seconds=1)
if sys.version_info < (3, 15):  # from then on it asks the system itself
    assert date.today() - day == timedelta(days=3) == module.date.today() - day
assert time.mktime(time.localtime()) - time.mktime(local) >= 3 * 86400
assert time.strftime("%d") == time.strftime("%d", time.localtime()) != time.strftime("%d", local)
assert time.gmtime(0).tm_year == 1970 and time.ctime(0)
""",
    "one clock": """
assert abs(datetime.now().timestamp() - time.time()) < 0.01
assert abs(datetime.utcnow() - datetime.now(timezone.utc).replace(tzinfo=None)) < timedelta(seconds=0.01)
""",
    "a default": """
@dataclass
class Token:
    made: datetime = field(default_factory=datetime.now)
token = Token()
time.sleep(5)
assert datetime.now() - token.made >= timedelta(seconds=5)
""",
    "by type": """
@functools.singledispatch
def encoded(value): return "other"
@encoded.register
def _(value: datetime): return "moment"
assert encoded(now) == {datetime: "moment", date: "day"}[type(now)] == "moment"
assert type(now) == datetime and isinstance(now, (datetime, str)) and issubclass(datetime, date)
assert not isinstance(date.today(), datetime) and not issubclass(date, datetime)
assert repr(now).startswith("datetime.datetime(") and repr(datetime) == "<class 'datetime.datetime'>"
match now:
    case datetime(year=year): assert year == now.year
    case _: raise AssertionError(now)
""",
    "derived": """
class Stamp(datetime):
    def short(self): return self.strftime("%Y")
later = Stamp.now() + timedelta(days=1)
assert type(later) is Stamp and isinstance(later, datetime) and not isinstance(now, Stamp)
assert Stamp(2020, 1, 1).short() == "2020" and issubclass(Stamp, datetime) and not issubclass(datetime, Stamp)
assert type(Stamp.fromisoformat("2020-01-01")) is Stamp and pickle.loads(pickle.dumps(later)) == later
""",
    "derived, and abstract": """
import abc
class Marked(abc.ABC):
    @abc.abstractmethod
    def mark(self): ...
class Stamp(datetime, Marked):
    def mark(self): return self.year
class Unfinished(datetime, Marked): pass
assert Stamp(2020, 1, 1).mark() == 2020 and isinstance(Stamp.now(), Marked) and not isinstance(now, Stamp)
""",
    "copied": """
assert copy.copy(now) == copy.deepcopy(now) == now == datetime.fromisoformat(now.isoformat())
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    data = pickle.dumps((now, datetime), protocol)
    assert pickle.loads(data) == (now, datetime) and b"plait" not in data
""",
    "kept by C code": """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
base = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
base.execute("create table times (time timestamp)")
base.execute("insert into times values (?)", (now,))
assert base.execute("select time from times").fetchone()[0] == now
base.close()
assert datetime.strptime("2020-03", "%Y-%m") == datetime(2020, 3, 1) < now < datetime.max
""",
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_is_as_ever_but_for_the_clock(name: str, tmp_path: Path) -> None:
    checked = _checked(START + CASES[name], tmp_path)
    assert checked.told is None, checked.told
    assert checked.verdict.word == "passed", checked.verdict


def test_what_is_pickled_meanwhile_needs_nothing_of_ours(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    _checked(f"{START}\nwith open({str(kept)!r}, 'wb') as file: pickle.dump(datetime(2020, 1, 2), file)", tmp_path)
    code = f"import pickle; print(pickle.load(open({str(kept)!r}, 'rb')).isoformat())"
    answer = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert answer.strip() == "2020-01-02T00:00:00"


def test_nothing_of_it_is_left(tmp_path: Path) -> None:
    real = datetime.datetime
    before = dict(copyreg.dispatch_table)
    _checked(START, tmp_path)
    assert datetime.datetime is real is type(real.now())
    assert copyreg.dispatch_table == before
    assert pickle.loads(pickle.dumps(real)) is real


def test_how_a_program_pickles_moments_itself_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(copyreg.dispatch_table, datetime.datetime, str)
    _checked(START, tmp_path)
    assert copyreg.dispatch_table[datetime.datetime] is str


def test_a_lock_says_what_it_is(tmp_path: Path) -> None:
    program = """
for made in threading.Lock(), threading.RLock():
    kind = type(made)
    assert (kind.__module__, f"{kind.__module__}.{kind.__qualname__}") == ("_thread", repr(made).split()[1]), made
"""
    checked = _checked(START + program, tmp_path)
    assert checked.told is None, checked.told


def _checked(program: str, folder: Path) -> Checked:
    file = folder / "program.py"
    file.write_text(program)
    subject = Subject(lambda fresh: Script(str(file), [], fresh), own_files(str(file), ()))
    return search(subject, Budget(5, None), seed=0, scheduler="rotation")
