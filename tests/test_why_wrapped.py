"""``plait why`` on locks that are wrapped, as programs have them: the rules, on stacks made by hand."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plait._see.why import source as why_source
from plait._see.why import trees as why_trees
from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread
from plait._see.why.inside import look_inside
from plait._see.why.keys import holdings
from plait._see.why.wait import wait_of

CONTEXTS = """
@contextmanager
def transaction(self):
    self.mutex.acquire()
    try:
        yield self
    finally:
        self.mutex.release()

def copy(source, target):
    with source.transaction():
        with target.transaction():
            pass

def __enter__(self):
    self._lock.acquire()

def brief(self):
    with self.mutex:
        pass

def lock(self):
    self._lock.acquire()

def both(first, second):
    first.lock()
    second.lock()

def named(key, other):
    with lock_for(key):
        with lock_for(other):
            pass

def upgrade(rw):
    rw.acquire_read()
    rw.acquire_write()

def acquire_write(self):
    with self.changed:
        self.changed.wait()

def lock_for(key):
    return locks[key]

def stack(a, b):
    with ExitStack() as stack:
        stack.enter_context(a)
        stack.enter_context(b)
"""
LINES = {text.strip(): number for number, text in enumerate(CONTEXTS.splitlines(), 1)}


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "program.py").write_text(CONTEXTS)
    return str(tmp_path / "program.py")


def frame(file: str, text: str, **variables: int | str) -> Frame:
    """A frame that stands at the line with this text."""
    things = {name: Thing("", 0, at) if isinstance(at, str) else Thing("Thing", at) for name, at in variables.items()}
    return Frame(file, LINES[text], why_trees.around(why_trees.tree_of(file), LINES[text]).name, things)  # type: ignore[union-attr,arg-type]


def thread(name: str, *frames: Frame) -> Thread:
    return Thread(name, 1, 1, frames, busy=False, where="futex_wait")


def ring(*threads: Thread) -> str:
    found = diagnose(Dump(1, threads))
    assert found is not None
    assert found.certain
    return found.title


RING = 'Deadlock: "a" and "b" wait for each other'


def test_a_context_manager_that_keeps_a_lock(file: str) -> None:
    def moves(name: str, source: int, target: int) -> Thread:
        within = frame(file, "self.mutex.acquire()", self=target)
        return thread(name, within, frame(file, "with target.transaction():", source=source, target=target))

    assert ring(moves("a", 1, 2), moves("b", 2, 1)) == RING
    wait = wait_of(moves("a", 1, 2))
    assert wait.frame is not None
    assert wait.frame.line == LINES["with target.transaction():"]  # the caller's line, not that of the helper


def test_a_lock_of_a_method_called_lock(file: str) -> None:
    def takes(name: str, first: int, second: int) -> Thread:
        line = LINES["def lock(self):"] + 1
        within = Frame(file, line, "lock", {"self": Thing("Mutex", second)})
        return thread(name, within, frame(file, "second.lock()", first=first, second=second))

    assert ring(takes("a", 1, 2), takes("b", 2, 1)) == RING


def test_a_lock_that_is_only_held_for_a_moment_is_not_the_callers(file: str) -> None:
    assert not why_source.takes_for_its_caller(file, LINES["def brief(self):"] + 1)
    assert why_source.takes_for_its_caller(file, LINES["def __enter__(self):"] + 1)


def test_a_lock_from_a_table_by_its_key(file: str) -> None:
    def takes(name: str, key: str, other: str) -> Thread:
        return thread(name, frame(file, "with lock_for(other):", key=key, other=other))

    assert ring(takes("a", "x", "y"), takes("b", "y", "x")) == RING


def test_equal_names_of_other_variables_are_no_ring(file: str) -> None:
    """From outside, the variables of the function around a closure are not seen: equal names say nothing."""
    (Path(file).parent / "deco.py").write_text(
        "def wrap(lock):\n    def inner():\n        with lock:\n            run()\n"
    )
    deco = str(Path(file).parent / "deco.py")
    both = [thread(name, Frame(deco, 3, "inner"), Frame(deco, 4, "inner")) for name in "ab"]
    found = diagnose(Dump(1, tuple(both)))
    assert found is not None
    assert "wait for each other" not in found.title
    assert "itself" not in found.title


def test_contexts_of_an_exit_stack(file: str) -> None:
    def enters(name: str, first: int, second: int) -> Thread:
        return thread(name, frame(file, "stack.enter_context(b)", a=first, b=second))

    assert ring(enters("a", 1, 2), enters("b", 2, 1)) == RING


def test_a_reader_that_wants_to_write(file: str) -> None:
    library = Frame("/usr/lib/python3.11/threading.py", 320, "wait", {"self": Thing("Condition", 9)})
    within = frame(file, "self.changed.wait()", self=1)
    found = diagnose(Dump(1, (thread("a", library, within, frame(file, "rw.acquire_write()", rw=1)),)))
    assert found is not None
    assert found.title == "a waits for itself"
    assert "reader" in found.cure


def test_what_functions_of_a_module_hold_is_not_held_by_the_module(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("def holder():\n    lock.acquire()\n\nholder()\n")
    assert why_source.held(str(file), 4) == ()


def test_a_wait_in_the_system_is_no_wait_for_a_lock(tmp_path: Path) -> None:
    """With what `with` enters on the way, such as a connection."""
    file = tmp_path / "fetch.py"
    file.write_text("with urlopen(url) as page:\n    pass\n")
    socket = Frame("/usr/lib/python3.11/socket.py", 706, "readinto", {"self": Thing("SocketIO", 3)})
    waits = Thread("a", 1, 1, (socket, Frame(str(file), 1, "<module>")), where="wait_woken")
    assert wait_of(waits).kind == "system"


def test_a_condition_that_is_entered_waits_for_its_lock(tmp_path: Path) -> None:
    file = tmp_path / "box.py"
    file.write_text("def put(box):\n    with box.changed:\n        pass\n")
    library = Frame("/usr/lib/python3.11/threading.py", 264, "__enter__", {"self": Thing("Condition", 5)})
    assert wait_of(thread("a", library, Frame(str(file), 2, "put", {"box": Thing("Box", 1)}))).kind == "lock"


def test_an_rlock_says_whose_it_is() -> None:
    """From inside: whatever the source says, and however it was taken."""
    lock, go, there = threading.RLock(), threading.Event(), threading.Event()

    def keep(take: object) -> None:
        take()  # type: ignore[operator]
        there.set()
        go.wait()
        lock.release()

    keeper = threading.Thread(target=keep, args=(lock.acquire,), name="keeper")
    keeper.start()
    there.wait()

    def want() -> None:
        with lock:
            pass

    wants = threading.Thread(target=want, name="wants")
    wants.start()
    try:
        found = next(one for one in look_inside().threads if one.name == "wants")
        while wait_of(found).kind != "lock":
            found = next(one for one in look_inside().threads if one.name == "wants")
        assert wait_of(found).owner == keeper.ident
    finally:
        go.set()
        keeper.join()
        wants.join()


ONE_LINE = """
def again():
    with lock:
        pass

with lock: again()
with make(lock): again()
with lock, other: pass
with lock, again(): pass
with (
    lock,
    other,
):
    pass
with lock: other.acquire()
other.release()
lock.acquire(); again()

lock = other = 1
"""
AGAIN = 3


def stands(folder: Path, line: int, column: int = -1, inner: tuple[Frame, ...] = ()) -> Thread:
    file = folder / "one_line.py"
    file.write_text(ONE_LINE)
    return thread("a", *inner, Frame(str(file), line, "<module>", column=column))


@pytest.mark.parametrize(("line", "column"), [(6, -1), (6, 11), (17, -1), (17, 16), (9, -1), (9, 11)])
def test_the_body_of_a_with_in_its_own_line(tmp_path: Path, line: int, column: int) -> None:
    inner = (Frame(str(tmp_path / "one_line.py"), AGAIN, "again"),)
    found = diagnose(Dump(1, (stands(tmp_path, line, column, inner),)))
    assert found is not None
    if (line, column) == (9, -1):  # where it is in the line is not known: the call may come before the lock
        assert found.title == "Nobody lets go of lock"
    else:
        assert found.title == "a waits for itself"


@pytest.mark.parametrize("column", [-1, 17])
def test_what_a_call_in_the_body_waits_for(tmp_path: Path, column: int) -> None:
    inner = (Frame(str(tmp_path / "one_line.py"), AGAIN, "again"),)
    assert holdings(stands(tmp_path, 7, column, inner)) == []  # what a call makes


def test_who_waits_in_c_code_of_the_body_has_the_lock(tmp_path: Path) -> None:
    """From outside, where it is not known where in the line that is: ``with lock: return sock.recv(1)``."""
    file = tmp_path / "reads.py"
    file.write_text("def read():\n    with lock: return sock.recv(1)\n\nlock = sock = 1\n")
    reads = Thread("a", 1, 1, (Frame(str(file), 2, "read"),), busy=False, where="unix_stream_read_generic")
    assert [held.expression for held in holdings(reads)] == ["lock"]
    assert wait_of(reads).keys == ()
    assert holdings(reads._replace(where="futex_wait")) == []  # it may be the lock that it waits for


@pytest.mark.parametrize(
    ("taking", "held"),
    [
        ("box.lock()", ["box"]),
        ("portalocker.lock(file)", []),
        ("portalocker.acquire()", []),
        ("client.lock('name')", []),
        ("if late: box.acquire()", []),
        ("if box.acquire(): pass", ["box"]),
    ],
)
def test_what_is_no_lock_that_is_held(tmp_path: Path, taking: str, held: list[str]) -> None:
    """A function of a module, what makes a lock, and what another branch takes."""
    file = tmp_path / "program.py"
    file.write_text(f"import portalocker\n\ndef f(box, client, file, late):\n    {taking}\n    file.read()\n")
    assert [one.expression for one in why_source.held(str(file), 5)] == held


def test_what_was_tried_in_vain_is_not_held(tmp_path: Path) -> None:
    """As in a lock of one's own that waits once it has found itself taken."""
    file = tmp_path / "program.py"
    file.write_text(
        "def f(box):\n    try:\n        box.acquire_nowait()\n    except Full:\n        wait()\n    wait()\n"
    )
    assert why_source.held(str(file), 5) == ()
    assert [one.expression for one in why_source.held(str(file), 6)] == ["box"]


def test_the_head_of_a_with_is_not_held(tmp_path: Path) -> None:
    assert holdings(stands(tmp_path, 6)) == []
    assert holdings(stands(tmp_path, 6, 5)) == []
    enters = (Frame("/usr/lib/python3.11/threading.py", 1, "__enter__", {"self": Thing("Condition", 1)}),)
    assert holdings(stands(tmp_path, 6, -1, enters)) == []


def test_a_lock_that_is_taken_in_the_body_of_a_with_in_one_line(tmp_path: Path) -> None:
    waits = stands(tmp_path, 15, 11)
    assert (wait_of(waits).what, [one.expression for one in holdings(waits)]) == ("other", ["lock"])
    waits = stands(tmp_path, 15, 5)
    assert (wait_of(waits).what, holdings(waits)) == ("lock", [])


def test_one_of_two_that_are_entered_together(tmp_path: Path) -> None:
    waits = stands(tmp_path, 8, 11)
    assert (wait_of(waits).what, [one.expression for one in holdings(waits)]) == ("other", ["lock"])
    unknown = stands(tmp_path, 8)
    assert (wait_of(unknown).what, wait_of(unknown).keys, holdings(unknown)) == ("lock or other", (), [])
    found = diagnose(Dump(1, (unknown,)))
    assert found is not None
    assert found.title == "Nobody lets go of lock or other"


def test_one_of_two_that_are_entered_together_in_lines_of_their_own(tmp_path: Path) -> None:
    waits = stands(tmp_path, 12)
    assert (wait_of(waits).what, [one.expression for one in holdings(waits)]) == ("other", ["lock"])


def test_from_inside_the_place_in_the_line_is_known() -> None:
    """Two locks in one line, taken by two threads in opposite order."""
    first, second = Lock(), Lock()
    gate = threading.Barrier(3)

    def take(one: Lock, other: Lock) -> None:
        with one, other:
            pass

    def meet() -> None:
        gate.wait()

    first.entered = second.entered = meet
    threads = [threading.Thread(target=take, args=pair, name=name) for name, pair in
               (("a", (first, second)), ("b", (second, first)))]  # fmt: skip
    for each in threads:
        each.start()
    gate.wait()
    try:
        while True:
            dump = look_inside()
            found = diagnose(Dump(1, tuple(one for one in dump.threads if one.name in "ab")))
            if found is not None and found.certain:
                break
    finally:
        first.lock.release()
        for each in threads:
            each.join()
    assert found.title == (RING if sys.version_info >= (3, 13) else "Nobody lets go of self.lock")


class Lock:
    """One that says when it was entered for the first time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entered: Callable[[], object] | None = None

    def __enter__(self) -> None:
        self.lock.acquire()
        entered, self.entered = self.entered, None
        if entered is not None:
            entered()

    def __exit__(self, *_: object) -> None:
        if self.lock.locked():
            self.lock.release()


MIRROR = """
class Store:
    @contextmanager
    def transaction(self):
        self.mutex.acquire()
        yield
        self.mutex.release()

def sync(a, b):
    with a.transaction():
        with b.transaction():
            pass
"""


def test_where_an_rlock_was_taken_by_a_context_manager(tmp_path: Path) -> None:
    """Its function is not on the stack of who has the lock, only on that of who waits for it."""
    file = tmp_path / "mirror.py"
    file.write_text(MIRROR)

    def mirror(number: int, other: int) -> Thread:
        mutex = Thing("RLock", 10 + other, str(other))
        takes = Frame(str(file), 5, "Store.transaction", {"self": Thing("Store", other), "self.mutex": mutex})
        enters = Frame("/usr/lib/python3.11/contextlib.py", 137, "_GeneratorContextManager.__enter__", {})
        return Thread(f"t{number}", number, number, (takes, enters, Frame(str(file), 11, "sync", {})), False)

    found = diagnose(Dump(1, (mirror(1, 2), mirror(2, 1))))
    assert found is not None
    assert found.title == 'Deadlock: "t1" and "t2" wait for each other'
    has = [step for step in found.steps if "has" in step.does]
    assert [(step.who, step.place, step.text) for step in has] == [
        (who, "mirror.py:10", "with a.transaction():") for who in ("t1", "t2")
    ]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="threading of this Python has none")
@pytest.mark.parametrize("shared", ["serialize_iterator", "concurrent_tee"])
def test_an_iterator_that_one_at_a_time_asks(shared: str) -> None:
    """Who asks it waits for the one that is within, not to be notified."""
    go, there = threading.Event(), threading.Event()

    def given() -> Iterator[int]:
        there.set()
        go.wait()
        yield 1
        yield 2

    made = getattr(threading, shared)(given())
    one, two = made if shared == "concurrent_tee" else (made, made)
    asks = [threading.Thread(target=next, args=(each,), name=name) for name, each in (("asks", one), ("waits", two))]
    asks[0].start()
    there.wait()
    asks[1].start()
    try:
        found = {}
        while not found or wait_of(found["waits"]).kind != "lock":
            found = {thread.name: thread for thread in look_inside().threads}
        wanted = wait_of(found["waits"]).keys
        assert wanted
        assert set(wanted) & {one.key for one in holdings(found["asks"])}
        assert holdings(found["waits"]) == []
        assert wait_of(found["asks"]).kind == "event"
    finally:
        go.set()
        for thread in asks:
            thread.join()
