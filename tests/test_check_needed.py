"""Which statements of a notebook a test needs: cases of pure syntax, nothing is run."""

from __future__ import annotations

from textwrap import dedent

import pytest

from plait._check.programs.cells import Cell, statements_of
from plait._check.programs.needed import Scope, Sort, Step, needs

TEST = "def test(): {}"
CASES = {
    "a value": ("n = 0|big = load()|" + TEST.format("n"), [1, 3]),
    "the last value": ("n = 0|n = 1|" + TEST.format("n"), [2, 3]),
    "what a value is made of": ("a = 1|b = a + 1|" + TEST.format("b"), [1, 2, 3]),
    "what a function uses": ("import os|def f(): os|" + TEST.format("f()"), [1, 2, 3]),
    "not a local of the same name": ("big = load()|def test(): big = 1; big", [2]),
    "what was done to it": ("d = {}|d['a'] = 1|d.update(b=2)|print(d)|x = d|" + TEST.format("d"), [1, 2, 3, 6]),
    "not what was done to an earlier one": ("d = {}|d['a'] = 1|d = {}|" + TEST.format("d"), [3, 4]),
    "in a loop": ("d = {}|for k in 'ab': d[k] = k|" + TEST.format("d"), [1, 2, 3]),
    "to its elements": ("d = [X()]|for one in d: one.open()|" + TEST.format("d"), [1, 2, 3]),
    "by setattr": ("c = C()|setattr(c, 'x', 1)|" + TEST.format("c"), [1, 2, 3]),
    "to a class": ("class C: pass|def f(self): pass|C.f = f|C()|" + TEST.format("C"), [1, 2, 3, 5]),
    "a class that goes on": ("class C: pass|class C(C): pass|" + TEST.format("C"), [1, 2, 3]),
    "counted on": ("n = 0|n += 1|" + TEST.format("n"), [1, 2, 3]),
    "bound by chance": ("n = 0|if x: n = 1|" + TEST.format("n"), [1, 2, 3]),
    "tried imports": ("try: import np\nexcept ImportError: np = None|" + TEST.format("np"), [1, 2]),
    "parts of a package": ("import a|import a.b|import a.c|" + TEST.format("a"), [1, 2, 3, 4]),
    "several at once": ("x = y = 0|x, z = 1, 2|" + TEST.format("x, y, z"), [1, 2, 3]),
    "registered": ("on = R()|@on.add\ndef f(): pass|" + TEST.format("on"), [1, 2, 3]),
    "registered by a function": (
        "r = []|def on(f): r.append(f); return f|@on\ndef f(): pass|" + TEST.format("r"),
        [1, 2, 3, 4],
    ),
    "not what is only counted": (
        "r = []|def on(f):\n def g(): r.append(f)\n return g|@on\ndef f(): pass|" + TEST.format("r"),
        [1, 4],
    ),
    "wrapped": ("def f(): pass|f = cache(f)|" + TEST.format("f"), [1, 2, 3]),
    "set by a call": ("def start():\n global d\n d = {}|start()|" + TEST.format("d"), [1, 2, 3]),
    "set by the test": ("def start():\n global d\n d = {}|def test(): start(); d", [1, 2]),
    "by name": ("n = 0|m = 0|def test(): globals()['n']", [1, 3]),
    "not a trial": ("n = 0|def add():\n global n\n n += 1|add()|" + TEST.format("add(), n"), [1, 2, 4]),
    "below a guard": ("if __name__ == '__main__':\n n = 0\n big = load()|" + TEST.format("n"), [1, 2]),
    "by %time": ("get_ipython().run_line_magic('time', 'n = 1')|" + TEST.format("n"), [1, 2]),
    "by %%time": ("get_ipython().run_cell_magic('time', '', 'big = load()\\nn = 1\\n')|" + TEST.format("n"), [1, 2]),
}


def scope_of(text: str) -> tuple[list[Step], Scope]:
    cells = [Cell(f"In[{number}]", f"<{number}>", dedent(one)) for number, one in enumerate(text.split("|"), 1)]
    steps = [Step(one) for one in statements_of(cells, {})]
    names = frozenset(name for step in steps for name in (*step.binds, *step.stores))

    def sort(name: str) -> Sort:
        kinds = [type(step.node).__name__ for step in steps if name in step.binds]
        return {"Import": Sort.MODULE, "ClassDef": Sort.DEFINITION, "FunctionDef": Sort.DEFINITION}.get(
            kinds[-1] if kinds else "", Sort.DATA
        )

    return steps, Scope(steps, names, sort, lambda _: -1, {})


@pytest.mark.parametrize("case", CASES)
def test_it_needs(case: str) -> None:
    text, expected = CASES[case]
    steps, scope = scope_of(text)
    found = needs("test", len(steps) - 1, scope)
    assert [int(one.cell.name[3:-1]) for one in found.statements] == expected
    assert found.unbound == ()


@pytest.mark.parametrize("value", ["input()", "get_ipython().getoutput('ls')", "await ask()", "int(input('n'))"])
def test_what_happens_once_is_not_run_again(value: str) -> None:
    steps, scope = scope_of(f"n = {value}|def test(): n")
    found = needs("test", 1, scope)
    assert ([one.cell.name for one in found.statements], found.unbound) == (["In[2]"], ("n",))


def test_a_thread_is_started_anew_if_it_shares_data_with_the_test() -> None:
    steps, scope = scope_of(
        "q = Q()|def take(): q|t = T(take)|t.start()|o = Q()|def other(): o|u = T(other)|def test(): q"
    )
    found = needs("test", len(steps) - 1, scope, others=[2, 6])
    assert [one.cell.name for one in found.statements] == ["In[1]", "In[2]", "In[3]", "In[4]", "In[8]"]
