"""What of a function's code shows that it depends on shared memory: through modules, classes, arguments, and reflection."""

from __future__ import annotations

import os
import queue
import random
import secrets
import string
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import randint
from random import random as rolls

import pytest

from plait._engines.reading.sharing import obstacle
from plait._engines.reading.sharing_code import Use, uses

state = types.ModuleType("state_of_the_test")
state.cache = {}
state.counter = 0
state.limit = 7
sys.modules["state_of_the_test"] = state
exec("seen = []\ndef note(x):\n    seen.append(x)\ndef double(x):\n    return 2 * x\n", state.__dict__)


class Counter:
    total = 0
    limit = 5

    @classmethod
    def bump(cls) -> int:
        cls.total += 1
        return cls.total


class Registry:
    known: list[object] = []

    def __init__(self, x: object) -> None:
        self.known.append(x)


class ByType:
    made = 0

    def __init__(self, x: int) -> None:
        self.x = x
        type(self).made += 1


class ByClass:
    made = 0

    def __init__(self) -> None:
        self.__class__.made = 1


class Harmless:
    """As most classes are."""

    LIMITS = (1, 2)

    def __init__(self, x: int) -> None:
        self.x = x
        self.parts: list[int] = []
        self.parts.append(x)

    @property
    def doubled(self) -> int:
        return 2 * self.x

    @staticmethod
    def half(x: int) -> int:
        return x // 2


class Derived(Registry):
    pass


@dataclass
class Point:
    x: int
    parts: list[int] = field(default_factory=list)


def increments_an_attribute_of_a_module(x):
    state.counter += x


def assigns_an_attribute_of_a_module(x):
    state.counter = x


def fills_a_dict_of_a_module(x):
    state.cache[x] = 1


def calls_a_function_of_a_module_that_notes(x):
    state.note(x)


def imports_and_notes(x):
    import state_of_the_test

    state_of_the_test.cache[x] = 1


def imports_from_and_notes(x):
    from state_of_the_test import seen

    seen.append(x)


def increments_an_attribute_of_a_class(x):
    Counter.total += x


def calls_a_class_method(x):
    return Counter.bump()


def makes_one_that_registers(x):
    return Registry(x)


def makes_a_derived_one(x):
    return Derived(x)


def makes_one_that_counts_by_type(x):
    return ByType(x)


def makes_one_that_counts_by_class(x):
    return ByClass()


def changes_the_environment(x):
    os.environ["PLAIT_TEST"] = str(x)


def uses_globals(x):
    globals()["found"] = x


def uses_setattr(x):
    setattr(state, "counter", x)


def appends_to_its_argument(x):
    x.append(1)


def sets_an_element_of_its_argument(x):
    x["done"] = True


def increments_an_element_of_its_argument(x):
    x[0] += 1


def sets_an_attribute_of_its_argument(x):
    x.done = True


def in_a_comprehension(x):
    return [state.note(y) for y in range(x)]


def forwarding(inner: Callable[[object], object]) -> Callable[[object], object]:
    return lambda x: inner(x)


def through_a_chain_of_functions(depth: int) -> Callable[[object], object]:
    fn: Callable[[object], object] = calls_a_function_of_a_module_that_notes
    for _ in range(depth):
        fn = forwarding(fn)
    return fn


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (increments_an_attribute_of_a_module, "assigns to an attribute of 'state'"),
        (assigns_an_attribute_of_a_module, "assigns to an attribute of 'state'"),
        (fills_a_dict_of_a_module, '"state.cache" is shared'),
        (calls_a_function_of_a_module_that_notes, '"seen" is shared'),
        (imports_and_notes, '"state_of_the_test.cache" is shared'),
        (imports_from_and_notes, '"state_of_the_test.seen" is shared'),
        (increments_an_attribute_of_a_class, "assigns to an attribute of 'Counter'"),
        (calls_a_class_method, "assigns to an attribute of a class"),
        (Counter.bump, "assigns to an attribute of a class"),
        (Registry, '"Registry.known" is shared'),
        (makes_one_that_registers, '"Registry.known" is shared'),
        (makes_a_derived_one, '"Registry.known" is shared'),
        (makes_one_that_counts_by_type, "assigns to an attribute of a class"),
        (makes_one_that_counts_by_class, "assigns to an attribute of a class"),
        (changes_the_environment, '"os.environ" is shared'),
        (uses_globals, "uses globals()"),
        (uses_setattr, "uses setattr()"),
        (appends_to_its_argument, "changes its argument 'x'"),
        (sets_an_element_of_its_argument, "changes its argument 'x'"),
        (increments_an_element_of_its_argument, "changes its argument 'x'"),
        (sets_an_attribute_of_its_argument, "changes its argument 'x'"),
        (in_a_comprehension, '"seen" is shared'),
        (through_a_chain_of_functions(20), '"seen" is shared'),
    ],
)
def test_what_must_stay(function: object, why: str) -> None:
    assert why in obstacle(function)


LOCK, READY, TODO = threading.Lock(), threading.Event(), queue.Queue[int]()


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda _: LOCK.locked(), '"LOCK" is a lock, and each process would have its own'),
        (lambda _: READY.is_set(), '"READY" is an Event, and each process would have its own'),
        (lambda _: TODO.qsize(), '"TODO" is a Queue, and each process would have its own'),
    ],
)
def test_what_threads_wait_for_is_not_said_to_be_read(function: object, why: str) -> None:
    assert obstacle(function) == why


class Job:
    def __init__(self, n: int) -> None:
        self.n = n
        self.done: list[int] = []

    def finish(self) -> None:
        self.done.append(self.n)

    def double(self) -> int:
        return 2 * self.n


def finishes_some(job: Job) -> int:
    if job.n > 1000:
        job.finish()
    return job.double()


def only_asks(job: Job) -> int:
    return job.double()


def test_methods_that_change_an_argument() -> None:
    assert "Job.finish changes its object" in obstacle(finishes_some, (Job,), may_change=True)
    assert obstacle(only_asks, (Job,), may_change=True) == ""


def test_helpers_that_change_what_may_be_an_argument() -> None:
    assert "changes its argument 'out'" in obstacle(hands_a_list_to_a_helper, may_change=True)
    assert obstacle(hands_a_list_to_a_helper) == ""


best = 0


def is_better(x: int) -> bool:
    return x > best


def improve(x: int) -> None:
    global best
    best = x


def test_a_global_name_that_another_function_assigns_to() -> None:
    assert obstacle(is_better) == '"best" is changed meanwhile'


def test_a_captured_name_that_the_loop_assigns_to() -> None:
    least, most = 0, 9
    found = obstacle(lambda x: x > least)
    least = 1
    assert found == '"least" is changed meanwhile'
    assert obstacle(lambda x: x > most) == ""


def test_a_name_that_a_script_assigns_to_again() -> None:
    scope = {"obstacle": obstacle, "found": []}
    exec(
        "limit, top = 1, 0\ndef f(x): return x > top\ndef g(x): return x > limit\n"
        "for n in range(2):\n    found.append((obstacle(f), obstacle(g)))\n    top = n\n",
        scope,
    )
    assert scope["found"] == [('"top" is changed meanwhile', "")] * 2


def reads_constants(x):
    return x + state.limit + Counter_limit() + len(string.ascii_letters)


def Counter_limit():
    return Harmless.LIMITS[0]


def calls_a_function_of_a_module(x):
    return state.double(x)


def makes_harmless_ones(x):
    return Harmless(x).doubled + Harmless.half(x) + Point(x).x


def draws_random_numbers_of_its_own(n):
    draw = random.Random(n)
    return draw.random() + random.SystemRandom().random() + secrets.randbelow(3)


def fills_a_list_of_its_own(x):
    found = {}
    for n in range(x):
        found[x] = n
        found[n] = x
    return sorted(found)


def hands_a_list_to_a_helper(x):
    return fill([], x)


def fill(out, x):
    out.append(x)
    return out


def imports_a_library(x):
    import json

    return json.dumps(x)


def recurses(n):
    return n if n < 2 else recurses(n - 1) + recurses(n - 2)


@pytest.mark.parametrize(
    "function",
    [
        reads_constants, calls_a_function_of_a_module, makes_harmless_ones, draws_random_numbers_of_its_own, fills_a_list_of_its_own,
        hands_a_list_to_a_helper, imports_a_library, recurses, Harmless, Harmless.half, Point,
    ],
)  # fmt: skip
def test_what_may_move(function: object) -> None:
    assert obstacle(function) == ""


def draws_random_numbers(n):
    return sum(random.random() for _ in range(n))


def draws_by_name(n):
    return rolls() + n


def draws_a_whole_number_by_name(n):
    return randint(1, n)


def seeds(n):
    random.seed(n)


def draws_within(n):
    import random as other

    return other.shuffle([n])


def draws_through_a_helper(n):
    return draws_by_name(n)


@pytest.mark.parametrize(
    "function",
    [
        draws_random_numbers, draws_by_name, draws_a_whole_number_by_name, seeds, draws_within, draws_through_a_helper,
        lambda _: random.gauss(0, 1), random.random, random.randrange, partial(random.gauss, 0),
    ],
)  # fmt: skip
def test_what_draws_from_the_numbers_of_the_whole_program_must_stay(function: object) -> None:
    assert "uses random numbers of the whole program" in obstacle(function)
    assert "plait.rng(seed)" in obstacle(function)


def test_so_must_what_draws_from_those_of_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    assert numpy.random.rand() < 1  # it is loaded when it is used, as it has been when a function is looked at
    for function in (lambda _: numpy.random.rand(), lambda n: numpy.random.seed(n), lambda _: numpy.random.normal()):
        assert "uses random numbers of the whole program" in obstacle(function)
    assert obstacle(lambda n: numpy.random.default_rng(n).random()) == ""
    draw = numpy.random.default_rng(1)
    assert obstacle(lambda _: draw.random()).startswith('"draw" is shared')


def test_classes_of_the_arguments_are_read_too() -> None:
    assert obstacle(len, (Point, Harmless)) == ""
    assert '"Registry.known" is shared' in obstacle(len, (Point, Registry))


def test_uses_of_names_from_outside() -> None:
    assert next(uses(increments_an_attribute_of_a_module.__code__)) == Use("global", "state", ("counter",), True)
