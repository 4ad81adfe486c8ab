"""What code without hooks does to what threads share is seen: each way of touching something loses an update."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from plait._check.explore import explore_script


class Touch(NamedTuple):
    """What is shared, what each of two threads does to it, and what holds when nothing was lost."""

    shared: str
    work: str
    holds: str


BOX = "class Box:\n    n = 0\nbox = Box()"
TOUCHES = {
    "getattr and setattr": Touch(BOX, "setattr(box, 'n', getattr(box, 'n') + 1)", "box.n == 2"),
    "a frozen dataclass": Touch(
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass F:\n    n: int = 0\n    def add(self):\n"
        "        n = self.n\n        object.__setattr__(self, 'n', n + 1)\nf = F()",
        "f.add()",
        "f.n == 2",
    ),
    "a frozen dataclass, changed from outside": Touch(
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass F:\n    n: int = 0\nf = F()\nput = object.__setattr__",
        "n = f.n; put(f, 'n', n + 1)",
        "f.n == 2",
    ),
    "the slots of an object": Touch(
        BOX, "n = object.__getattribute__(box, 'n'); object.__setattr__(box, 'n', n + 1)", "box.n == 2"
    ),
    "slots that are bound": Touch(BOX, "n = box.__getattribute__('n'); box.__setattr__('n', n + 1)", "box.n == 2"),
    "the slots of a class": Touch(
        BOX, "n = type.__getattribute__(Box, 'n'); type.__setattr__(Box, 'n', n + 1)", "Box.n == 2"
    ),
    "an attribute that is deleted by its slot": Touch(
        BOX + "\nbox.m = 1", "if 'm' in box.__dict__: object.__delattr__(box, 'm')", "True"
    ),
    "the slots of super()": Touch(
        "class S:\n    n = 0\n    def add(self):\n"
        "        super().__setattr__('n', super().__getattribute__('n') + 1)\nbox = S()",
        "box.add()",
        "box.n == 2",
    ),
    "a namespace": Touch("import types\nbox = types.SimpleNamespace(n=0)", "box.n = box.n + 1", "box.n == 2"),
    "a method in a variable": Touch(
        "seen, at = [], set()", "add = seen.append; at.add(len(seen)); add(1)", "len(at) == 2"
    ),
    "a method in an attribute": Touch(
        "class Bus:\n    def __init__(self, send):\n        self.send = send\nseen, at = [], set()\nbus = Bus(seen.append)",
        "at.add(len(seen)); bus.send(1)",
        "len(at) == 2",
    ),
    "a method in a slot": Touch(
        "class Bus:\n    __slots__ = ('send',)\nseen, at = [], set()\nbus = Bus()\nbus.send = seen.append",
        "at.add(len(seen)); one = [1]; bus.send(one[0])",
        "len(at) == 2",
    ),
    "a method in an element": Touch(
        "seen, at = [], set()\nhandlers = {'send': seen.append}",
        "at.add(len(seen)); handlers['send'](1)",
        "len(at) == 2",
    ),
    "a method in an element, given more than a name": Touch(
        "seen, at = [], set()\nhandlers = {'send': seen.append}",
        "at.add(len(seen)); handlers['send'](len(at))",
        "len(at) == 2",
    ),
    "a method that a function gives": Touch(
        "seen, at = [], set()\ndef sender(): return seen.append", "at.add(len(seen)); sender()(1)", "len(at) == 2"
    ),
    "a lambda that a method is given": Touch(
        "d, one = {'n': 0}, [1]", "list(one).sort(key=lambda _: d.update(n=d['n'] + 1))", "d['n'] == 2"
    ),
    "a lambda that what is in a variable is given": Touch(
        "d = {'n': 0}\ndef run(call): call()", "do = run; do(lambda: d.update(n=d['n'] + 1))", "d['n'] == 2"
    ),
    "a method of its class": Touch("d = {'n': 0}", "dict.__setitem__(d, 'n', dict.get(d, 'n') + 1)", "d['n'] == 2"),
    "super()": Touch(
        "class D(dict):\n    def add(self):\n        n = super().get('n', 0)\n        super().__setitem__('n', n + 1)\nd = D()",
        "d.add()",
        "d['n'] == 2",
    ),
    "an attribute of a dict": Touch("class D(dict): n = 0\nd = D()", "d.n = d.n + 1", "d.n == 2"),
    "an attribute of a thread": Touch("class T(threading.Thread): n = 0\nt = T()", "t.n = t.n + 1", "t.n == 2"),
    "what is hung on a thread": Touch("t = threading.Thread()\nt.n = 0", "t.n = t.n + 1", "t.n == 2"),
    "what is hung on an event": Touch("e = threading.Event()\ne.n = 0", "e.n = e.n + 1", "e.n == 2"),
    "an attribute of an event": Touch("class E(threading.Event): n = 0\ne = E()", "e.n = e.n + 1", "e.n == 2"),
    "what is hung on a queue": Touch("import queue\nq = queue.Queue()\nq.n = 0", "q.n = q.n + 1", "q.n == 2"),
    "what is hung on an exception": Touch("e = OSError()\ne.n = 0", "e.n = e.n + 1", "e.n == 2"),
    "an attribute of a function": Touch("def f(): pass\nf.n = 0", "f.n = f.n + 1", "f.n == 2"),
    "an attribute of an exception": Touch("class E(Exception): pass\ne = E()\ne.n = 0", "e.n = e.n + 1", "e.n == 2"),
    "a setting of the process": Touch(
        "import sys\nseen, was = set(), sys.getrecursionlimit()",
        "n = sys.getrecursionlimit(); sys.setrecursionlimit(n + 1); seen.add(n)",
        "(len(seen), sys.setrecursionlimit(was)) == (2, None)",
    ),
    "an environment": Touch(
        "import os\nos.environ['N'] = '0'", "os.environ['N'] = str(int(os.environ['N']) + 1)", "os.environ['N'] == '2'"
    ),
    "the working directory": Touch(
        "import os\nhere, seen = os.getcwd(), []",
        "os.chdir('/'); seen.append(os.path.abspath('x')); os.chdir(here)",
        "seen == ['/x'] * 2",
    ),
    "the folder of a block": Touch(
        "import os\nhere = os.getcwd()", "with contextlib.chdir('/'): assert os.getcwd() == '/'", "os.getcwd() == here"
    ),
    "filters of warnings": Touch(
        "import warnings\nbefore, levels = warnings.filters[:], ['error', 'ignore']",
        "with warnings.catch_warnings(): warnings.simplefilter(levels.pop())",
        "warnings.filters == before",
    ),
    "standard output": Touch(
        "import io\nseen = []",
        "with contextlib.redirect_stdout(io.StringIO()) as out: print('x')\n        seen.append(out.getvalue())",
        "seen == ['x\\n'] * 2",
    ),
    "what is patched": Touch(
        "import types\nfrom unittest import mock\napi = types.SimpleNamespace(n=0)",
        "with mock.patch.object(api, 'n', 1): pass",
        "api.n == 0",
    ),
    "a dict that is patched": Touch(
        "from unittest import mock\nd = {}",
        "with mock.patch.dict(d, {'n': threading.get_ident()}): assert d['n'] == threading.get_ident()",
        "not d",
    ),
    "the level of a logger": Touch(
        "import logging\nlog = logging.getLogger('chk')",
        "old = log.level; log.setLevel(old + 1); log.setLevel(old)",
        "log.level == 0",
    ),
    "handlers of a logger": Touch(
        "import logging\nlog = logging.getLogger('chk')",
        "if not log.handlers: log.addHandler(logging.NullHandler())",
        "len(log.handlers) == 1",
    ),
    "a UserDict": Touch("from collections import UserDict\nd = UserDict(n=0)", "d['n'] = d['n'] + 1", "d['n'] == 2"),
    "weak values": Touch(
        "import weakref\nclass C: pass\npool, made = weakref.WeakValueDictionary(), []",
        "c = pool.get(1)\n        if c is None: c = pool[1] = C(); made.append(c)",
        "len(made) == 1",
    ),
    "a weak reference": Touch(
        "import weakref\nclass C:\n    n = 1\nheld = [C()]\nref = weakref.ref(held[0])",
        "if ref() is not None: assert ref().n\n        held.clear()",
        "True",
    ),
    "a heap": Touch("import heapq\nheap, got = [1], []", "if heap: got.append(heapq.heappop(heap))", "got == [1]"),
    "a function of a module": Touch(
        "import operator\nd = {'n': 0}", "operator.setitem(d, 'n', operator.getitem(d, 'n') + 1)", "d['n'] == 2"
    ),
    "== and +=": Touch("box = []", "own = box\n        if own == []: own += [1]", "len(box) == 1"),
    "a text of parts": Touch("box, out = ['a'], []", "out.append(''.join(box)); box.clear()", "''.join(out) == 'a'"),
    "a text of a dataclass": Touch(
        "import dataclasses\n@dataclasses.dataclass\nclass P:\n    n: int = 0\np = P()",
        "text = f'{p}'; p.n = int(text[4:-1]) + 1",
        "p.n == 2",
    ),
    "an array": Touch("import array\na = array.array('i', [0])", "a[0] = a[0] + 1", "a[0] == 2"),
    "a view of bytes": Touch("a = memoryview(bytearray(1))", "a[0] = a[0] + 1", "a[0] == 2"),
    "a view of a part of bytes": Touch(
        "b = bytearray(8)", "v = memoryview(b)[4:]; n = v[-1]; memoryview(b).cast('B')[7] = n + 1", "b[7] == 2"
    ),
    "a view of an array": Touch(
        "import array\na = array.array('i', [0, 0])", "n = a[1]; memoryview(a)[1:][0] = n + 1", "a[1] == 2"
    ),
    "numbers packed into bytes": Touch(
        "import struct\nb = bytearray(4)",
        "n = struct.unpack_from('I', b, 0)[0]; struct.pack_into('I', b, 0, n + 1)",
        "struct.unpack('I', b)[0] == 2",
    ),
    "a Struct": Touch(
        "import struct\nb, form = bytearray(4), struct.Struct('I')",
        "n = form.unpack_from(b)[0]; form.pack_into(b, 0, n + 1)",
        "form.unpack(b)[0] == 2",
    ),
    "a number out of bytes": Touch(
        "b = bytearray(1)", "n = int.from_bytes(b, 'big'); b[:] = bytes((n + 1,))", "b[0] == 2"
    ),
    "bytes that are read into": Touch(
        "import io\nb, at = bytearray(1), []",
        "file = io.BytesIO(b'x'); at.append(bytes(b)); file.readinto(b)",
        "at == [b'\\0', b'x']",
    ),
    "a number of ctypes": Touch("import ctypes\nc = ctypes.c_int(0)", "v = c.value; c.value = v + 1", "c.value == 2"),
    "a structure of ctypes": Touch(
        "import ctypes\nclass C(ctypes.Structure): _fields_ = [('n', ctypes.c_int)]\nc = C()",
        "c.n = c.n + 1",
        "c.n == 2",
    ),
    "a sum of floats": Touch("import math\na = [1.0]", "n = math.fsum(a); a.append(n)", "math.fsum(a) == 4"),
    "the table of modules": Touch(
        "import sys, types\nmade = []",
        "if 'mm' not in sys.modules: sys.modules['mm'] = types.ModuleType('mm'); made.append(1)",
        "len(made) == 1",
    ),
    "code in a text": Touch("d = {'n': 0}", "v = eval('n', d)\n        exec(f'n = {v} + 1', d)", "d['n'] == 2"),
    "a Counter": Touch("import collections\nc = collections.Counter(a=1)", "c.update({'a': 1})", "c['a'] == 3"),
    "a database": Touch(
        "import sqlite3\ndb = sqlite3.connect(':memory:', check_same_thread=False)\ndb.execute('create table t (n)')",
        "if not db.execute('select n from t').fetchall(): db.execute('insert into t values (1)')",
        "[len(db.execute('select n from t').fetchall()), db.close()][0] == 1",
    ),
    "the rows of a cursor": Touch(
        "import sqlite3\ndb = sqlite3.connect(':memory:', check_same_thread=False)\ncursor, got = db.cursor(), []",
        "cursor.execute('select 1'); got.append(cursor.fetchone())",
        "[got, db.close()][0] == [(1,), (1,)]",
    ),
    "a file that is opened to be written": Touch(
        "import pathlib\npath = pathlib.Path(__file__).with_name('n')\npath.write_text('0')",
        "n = int(path.read_text())\n        with path.open('w') as file: file.write(str(n + 1))",
        "path.read_text() == '2'",
    ),
    "a property that is computed once": Touch(
        "import functools\nmade = []\nclass C:\n    @functools.cached_property\n    def v(self): made.append(1)\nc = C()",
        "c.v",
        "len(made) == 1",
    ),
    "the precision of decimal numbers": Touch(
        "import decimal, itertools\nc, seen, digits = decimal.Context(), [], itertools.count(3)",
        "p = c.prec = next(digits); seen.append(len(str(c.divide(decimal.Decimal(1), 3))) == p + 2)",
        "all(seen)",
    ),
    "a hash": Touch(
        "import hashlib\nh, want = hashlib.md5(), hashlib.md5(b'abab').digest()",
        "h.update(b'a'); h.update(b'b')",
        "h.digest() == want",
    ),
    "a text in memory": Touch(
        "import io\nfile = io.StringIO()",
        "n = file.getvalue()\n        if not n: file.write('x')",
        "file.getvalue() == 'x'",
    ),
    "a file": Touch(
        "import pathlib\npath = pathlib.Path(__file__).with_name('n')\nif path.exists(): path.rmdir()",
        "if not path.exists(): path.mkdir()",
        "path.is_dir()",
    ),
}
PROGRAM = """
import contextlib, threading
{shared}
lock = {lock}
def work():
    with lock:
        {work}
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert {holds}
"""


def test_parts_of_bytes_do_not_touch_each_other(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(
        "import threading\nb = bytearray(2)\ndef work(part): part[0] += 1\n"
        "threads = [threading.Thread(target=work, args=(memoryview(b)[at:],)) for at in range(2)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()\n"
    )
    assert explore_script(file, runs=100, seconds=None).verdict.word in ("passed", "proved")


def test_a_stop_flag_and_a_result_on_the_thread_itself_are_right(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(
        "import threading, time\n"
        "def work():\n"
        "    me = threading.current_thread()\n"
        "    while getattr(me, 'do_run', True): time.sleep(0.1)\n"
        "    me.result = 5\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start()\nthread.do_run = False\nthread.join()\nassert thread.result == 5\n"
    )
    assert explore_script(file, runs=100, seconds=None).verdict.word == "passed"


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of executions that were cut off
@pytest.mark.parametrize("name", TOUCHES)
def test_it_is_seen(name: str, tmp_path: Path) -> None:
    if "computed once" in name and sys.version_info < (3, 12):
        pytest.skip("a cached_property has a lock of its own before Python 3.12")
    touch = TOUCHES[name]
    words = []
    for lock in ("contextlib.nullcontext()", "threading.Lock()"):
        file = tmp_path / "program.py"
        file.write_text(PROGRAM.format(lock=lock, **touch._asdict()))
        words.append(explore_script(file, runs=100 if "null" in lock else 10, seconds=None).verdict)
    assert [one.word for one in words] == ["failed", "passed"]
