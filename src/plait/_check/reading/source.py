"""The user's source as the story needs it: lines to show, names for things, and what stands between two places."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from plait._check.named import BY_NAME, SLOTS
from plait._check.reading.blocks import block_around
from plait._check.reading.callee import hides, is_of_argument, is_result, owns_nothing
from plait._check.reading.source_files import SourceFiles
from plait._check.reading.touched import last_name, touched_in
from plait._core.event import Site

_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_WAITS = (ast.Await, ast.Yield, ast.YieldFrom, ast.With, ast.AsyncWith, ast.Import, ast.ImportFrom)
_LONGEST_NAME = 32


class Sources(SourceFiles):
    """What stands at a place in the source, in files that are read once each."""

    def __init__(self, read: Callable[[str], Sequence[str]]) -> None:
        super().__init__(read)
        self._covering: dict[str, dict[int, list[ast.expr | ast.stmt]]] = {}  # by line: a file is asked often
        self._constant: dict[str, set[str]] = {}

    def column(self, site: Site) -> int:
        """Where on its line the site begins, in characters from 0."""
        lines = self._lines_of(site.file)
        text = lines[site.line - 1].encode() if 0 < site.line <= len(lines) else b""
        return len(text[: site.column].decode(errors="replace"))

    def thing(self, site: Site | None, part: str, *, changes: bool = False) -> str:
        """What an access at the site touches, as the source calls it: ``self.value``, ``cache[key]``; "" if not known.

        `part` is the name of the event: an attribute, a variable, or a container's ``[]``; `changes` whether it is a
        write. Of ``a.extend(b)`` the write is of `a`, the read of `b`.
        """
        if site is None:
            return ""
        around = list(self._around(site))
        node = self._exactly(site)
        called = any(isinstance(one, ast.Call) and one.func is node for one in around)
        called = called or (isinstance(node, ast.Attribute) and site.text == f"{node.attr}()")  # it is handed over
        named = self._attribute_of(node, site)
        if named and part[:1] != "[":
            return f"{named}.{part}" if len(named) + len(part) < _LONGEST_NAME else ""
        if isinstance(node, ast.Call) and part[:1] == "[" and is_result(node, site.text):
            text = ast.unparse(node)
            return text if len(text) <= _LONGEST_NAME else ""
        if isinstance(node, ast.Call) and part[:1] == "[" and node.args:
            if ast.unparse(node.func) == "print" and changes:
                return "sys.stdout"
            if owns_nothing(node.func, self._tree(site.file)) or is_of_argument(node.func, changes=changes):
                owner = node.func.value if isinstance(node.func, ast.Attribute) else node.args[0]
                node = next((one for one in node.args if not isinstance(one, ast.Constant | ast.JoinedStr)), owner)
                called = False
        touched = touched_in(node, part, site, called=called) if node is not None else None
        text = ast.unparse(touched) if touched is not None else ""
        text = self._myself(site) if text == "super()" else text
        return text if len(text) <= _LONGEST_NAME else ""

    def hides(self, site: Site | None, kind: str) -> bool:
        """Whether the call at the site does not say which container of this kind it touches: ``self.on_event(x)``."""
        call = self._exactly(site) if site is not None else None
        if site is None or not isinstance(call, ast.Call) or is_result(call, site.text):
            return False
        return hides(call, kind, self._tree(site.file))

    def assigned(self, site: Site | None) -> str:
        """What is given the value that is made at the site: ``self.lock`` in ``self.lock = Lock()``; "" if nothing."""
        statement = self.statement(site) if site is not None else None
        if site is None or not isinstance(statement, ast.Assign | ast.AnnAssign):
            return ""
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        value = statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            ends = [_end(one) for one in value.elts]
            target = target.elts[bisect_left(ends, _site_end(site))] if _site_end(site) <= ends[-1] else target.elts[-1]
        text = ast.unparse(target)
        return text if len(text) <= _LONGEST_NAME else ""

    def entered(self, site: Site) -> str:
        """What a `with` statement enters, or ``acquire`` is called on, at the site, if it has a name; else ""."""
        start = site.line, site.column
        block = next((one for one in self._around(site) if isinstance(one, ast.With) and _start(one) == start), None)
        node = block or self._exactly(site)
        asked = node.func if isinstance(node, ast.Call) else None
        if isinstance(asked, ast.Attribute) and asked.attr == "acquire":
            node = asked.value
        if isinstance(node, ast.With) and len(node.items) == 1:
            node = node.items[0].context_expr
        text = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
        return text if len(text) <= _LONGEST_NAME else ""

    def statement(self, site: Site) -> ast.stmt | None:
        """The innermost statement around the site."""
        return next(reversed([node for node in self._around(site) if isinstance(node, ast.stmt)]), None)

    def behind(self, site: Site) -> ast.stmt | None:
        """The statement that follows that of the site in the same block; None if it is the last one."""
        statement = self.statement(site)
        for node in self._around(site):
            for block in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
                if isinstance(block, list) and statement in block[:-1]:
                    following: ast.stmt = block[block.index(statement) + 1]
                    return following
        return None

    def enclosing(self, site: Site, kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> ast.AST | None:
        """The innermost node of this kind around the site, inside the function that it is in."""
        found: ast.AST | None = None
        for node in self._around(site):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                found = None
            if isinstance(node, kind):
                found = node
        return found

    def blocks(self, site: Site) -> list[ast.With | ast.AsyncWith]:
        """The `with` blocks in the body of which the site is, inside its function."""
        found: list[ast.With | ast.AsyncWith] = []
        for node in self._around(site):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                found = []
            if isinstance(node, ast.With | ast.AsyncWith) and _start(node.body[0]) <= (site.line, site.column):
                found.append(node)
        return found

    def forgets(self, site: Site) -> bool:
        """Whether what is read there goes into an object or a call, and the lines that follow do not know it."""
        found = self.statement(site)
        targets = found.targets if isinstance(found, ast.Assign) else [getattr(found, "target", None)]
        into = all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets)
        return isinstance(found, ast.Expr) or (into and isinstance(found, ast.Assign | ast.AugAssign | ast.AnnAssign))

    def block(self, first: Site, last: Site) -> range:
        """The lines that a `with` block has around it when it has both places, of one function; none if none can."""
        function, tree = self.function(first), self._tree(first.file)
        if first.file != last.file or function is not self.function(last) or tree is None:
            return range(0)
        if isinstance(function, ast.Lambda):
            return range(0)
        return block_around(tree.body if function is None else function.body, first, last)

    def end_of_block(self, site: Site) -> int:
        """The last line of the statement around the site, with all that is in it."""
        statement = self.statement(site)
        return (statement.end_lineno if statement is not None else None) or site.end_line

    def in_test(self, site: Site) -> bool:
        """Whether the site is in the test of an `if` or `while`, in what a `match` looks at, or in an `assert`."""
        found = self.enclosing(site, (ast.If, ast.While, ast.IfExp, ast.Assert, ast.Match))
        test = found.subject if isinstance(found, ast.Match) else getattr(found, "test", None)
        if not isinstance(test, ast.expr):
            return False
        return _start(test) <= (site.line, site.column) and _site_end(site) <= _end(test)

    def asked_by_name(self, site: Site, other: Site) -> bool:
        """Whether the first gives a name its value, by which a test decides on the second, which is no new value of it.

        As in ``value = cache.get(key)``, ``if value is None:``, ``cache[key] = load(key)``.
        """
        one, two, function = self.statement(site), self.statement(other), self.function(site)
        if not isinstance(one, ast.Assign) or two is None or function is None or function is not self.function(other):
            return False
        nodes = list(ast.walk(function))
        tests = [node.test for node in nodes if isinstance(node, ast.If | ast.While | ast.IfExp)]
        asked = _names(test for test in tests if site.line < test.lineno <= other.line)
        given = [node for node in nodes if isinstance(node, ast.Assign) and site.line < node.lineno < other.line]
        anew = _names(target for node in given for target in node.targets)
        names = _names(one.targets)
        return bool(names & asked) and not (names & _names([two])) - anew

    def is_cached(self, site: Site) -> bool:
        """Whether the function that begins there has one of the caches of functools around it."""
        for function in self.functions(site.file):
            if function.lineno == site.line and function.name == site.function.rpartition(".")[2]:
                names = (one.func if isinstance(one, ast.Call) else one for one in function.decorator_list)
                return any(ast.unparse(name).rpartition(".")[2] in ("cache", "lru_cache") for name in names)
        return False

    def is_measured(self, site: Site) -> bool:
        """Whether the length is asked of what stands there."""
        node = self._exactly(site)
        calls = (one for one in self._around(site) if isinstance(one, ast.Call) and ast.unparse(one.func) == "len")
        return any(node in call.args for call in calls)

    def calls_each(self, site: Site, line: int) -> bool:
        """Whether the line is in a loop in the `with` block of the site that calls what it goes through."""
        block = next((one for one in self._around(site) if isinstance(one, ast.With) and one.lineno == site.line), None)
        for loop in ast.walk(block) if block is not None else ():
            if isinstance(loop, ast.For) and loop.lineno < line <= (loop.end_lineno or 0):
                called = _names(one.func for one in ast.walk(loop) if isinstance(one, ast.Call))
                if called & _names([loop.target]):
                    return True
        return False

    def follows(self, site: Site, other: Site) -> bool:
        """Whether the second stands in the statement right behind that of the first, which is a simple one."""
        statement = self.statement(other)
        simple = isinstance(statement, ast.Return | ast.Assign | ast.AugAssign | ast.Expr)
        return simple and statement is self.behind(site)

    def compared(self, site: Site, other: Site) -> bool:
        """Whether one test looks at both together: in ``a and b.x`` one only says whether to look at the other."""
        theirs = set(self._around(other))
        both = [one for one in self._around(site) if one in theirs and isinstance(one, (ast.stmt, ast.expr))]
        innermost = both[-1] if both else None
        in_one = isinstance(innermost, ast.expr) and not isinstance(innermost, ast.BoolOp)
        return in_one and self.in_test(site) and self.in_test(other)

    def async_block(self, site: Site) -> tuple[str, int]:
        """What the innermost `async with` around the site keeps, which has a name, and its line; "" and 0 if none."""
        node = self.enclosing(site, ast.AsyncWith)
        if not isinstance(node, ast.AsyncWith) or node.lineno == site.line:
            return "", 0
        kept = [one.context_expr for one in node.items if isinstance(one.context_expr, ast.Name | ast.Attribute)]
        return (ast.unparse(kept[-1]), node.lineno) if kept else ("", 0)

    def is_call(self, site: Site) -> bool:
        """Whether it is a call that stands there, or the method of one: no assignment."""
        span = (site.line, site.column), _site_end(site)
        around = [one for one in self._around(site) if isinstance(one, ast.expr)]
        return any(
            isinstance(one, ast.Call) and span in (((_start(one)), _end(one)), (_start(one.func), _end(one.func)))
            for one in around
        )

    def call(self, site: Site) -> ast.Call | None:
        """The call that stands there; None if something else does."""
        node = self._exactly(site)
        return node if isinstance(node, ast.Call) else None

    def handled(self, site: Site, other: Site) -> bool:
        """Whether the second stands where an exception of the first is handled."""
        return site.function == other.function and other.line in self.handlers(site.file, site.line)

    def iterated(self, site: Site) -> bool:
        """Whether a loop or a comprehension goes through what stands at the site, and not through a copy of it."""
        loop = self.enclosing(site, (ast.For, ast.AsyncFor, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
        iters = (
            [loop.iter]
            if isinstance(loop, ast.For | ast.AsyncFor)
            else [one.iter for one in getattr(loop, "generators", [])]
        )
        inside = [one for one in iters if _start(one) <= (site.line, site.column) and _site_end(site) <= _end(one)]
        return any(not _copies(one) for one in inside)

    def drops(self, site: Site, name: str) -> bool:
        """Whether a statement on the line calls what has this last name and nothing else: what it gives is dropped."""
        found = (one for one in self._nodes(site.file) if isinstance(one, ast.Expr))
        calls = [one.value for one in found if one.lineno == site.line and isinstance(one.value, ast.Call)]
        return any(isinstance(one.func, ast.Name | ast.Attribute) and last_name(one.func) == name for one in calls)

    def function(self, site: Site) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None:
        """The innermost function around the site."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        return next(reversed([node for node in self._around(site) if isinstance(node, kinds)]), None)

    def module(self, site: Site) -> ast.Module:
        """All of its file."""
        return self._tree(site.file) or ast.Module([], [])

    def class_around(self, site: Site) -> ast.ClassDef | None:
        """The innermost class that the site is in; None if it is in none."""
        return next((node for node in reversed([*self._around(site)]) if isinstance(node, ast.ClassDef)), None)

    def numeric(self, statement: ast.AugAssign) -> bool:
        """Whether an augmented assignment makes a new value, as those of numbers and texts do, those of lists do not.

        Told from what is added, or from a constant that the same name is given somewhere in the files read so far.
        """
        operands = (statement.value.left, statement.value.right) if isinstance(statement.value, ast.BinOp) else ()
        if any(isinstance(node, ast.Constant | ast.JoinedStr) for node in (statement.value, *operands)):
            return True
        name = last_name(statement.target)
        for file in self._trees.keys() - self._constant.keys():
            self._constant[file] = _given_constants(self._trees[file])
        return any(name in names for names in self._constant.values())

    def can_switch(self, first: Site, second: Site) -> str:
        """What between two places lets a build with the GIL switch threads, in words; "" when nothing does.

        CPython 3.10 and later switches at calls, function entry, the end of a loop's body and blocking operations only.
        What is asked is the way from the first place to the effect of the second, whose statement is evaluated before
        it; the operation at the second place itself does not count. A call at the first does: it switches at its end.
        """
        if second.line < first.line:
            return "the loop goes round in between"
        statement = self.statement(second)
        end = _end(statement) if statement is not None and not isinstance(statement, _COMPOUND) else _site_end(second)
        for node in self._nodes(first.file):
            if isinstance(node, ast.expr | ast.stmt) and _site_end(first) <= _end(node) <= end:
                words = _switching(node, first, second)
                if words:
                    return words
        return ""

    def _attribute_of(self, call: ast.AST | None, site: Site) -> str:
        """What a call that names an attribute finds it in: `box` in ``setattr(box, "n", 1)``; "" if it names none."""
        if not isinstance(call, ast.Call):
            return ""
        function, args = call.func, call.args
        if isinstance(function, ast.Name) and function.id in BY_NAME and args:
            return ast.unparse(args[0])
        if not isinstance(function, ast.Attribute) or function.attr not in SLOTS:
            return ""
        if len(args) > 1 + (function.attr == "__setattr__"):
            return ast.unparse(args[0])
        owner = ast.unparse(function.value)
        return (self._myself(site) if owner.startswith("super(") else "") or owner

    def _myself(self, site: Site) -> str:
        """What the method around the site calls the object that it is of: `self`; "" outside of functions."""
        inside = self.function(site)
        mine = inside.args.args if isinstance(inside, ast.FunctionDef | ast.AsyncFunctionDef) else []
        return mine[0].arg if mine else ""

    def _exactly(self, site: Site) -> ast.expr | ast.stmt | None:
        """The node that begins and ends where the site does, the outermost one."""
        span = (site.line, site.column), _site_end(site)
        nodes = (one for one in self._around(site) if isinstance(one, ast.expr | ast.stmt))
        node = next((one for one in nodes if (_start(one), _end(one)) == span), None)
        return node.value if isinstance(node, ast.Expr) else node

    def _around(self, site: Site) -> Iterator[ast.AST]:
        """Nodes that contain the site, from the outside in."""
        start, end = (site.line, site.column), _site_end(site)
        if site.file not in self._covering:
            self._covering[site.file] = _by_line(self._tree(site.file))
        for node in self._covering[site.file].get(site.line, ()):
            if _start(node) <= start and end <= _end(node):
                yield node


_COMPOUND = (ast.If, ast.While, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.Try, ast.Match, ast.FunctionDef,
             ast.AsyncFunctionDef, ast.ClassDef)  # fmt: skip


def _by_line(tree: ast.Module | None) -> dict[int, list[ast.expr | ast.stmt]]:
    """The expressions and statements on each line, those that contain others before those."""
    found: dict[int, list[ast.expr | ast.stmt]] = {}
    for node in ast.walk(tree or ast.Module([], [])):  # breadth first
        if isinstance(node, ast.expr | ast.stmt):
            for line in range(node.lineno, _end(node)[0] + 1):
                found.setdefault(line, []).append(node)
    return found


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    """The names in them."""
    return {one.id for node in nodes for one in ast.walk(node) if isinstance(one, ast.Name)}


def _given_constants(tree: ast.Module | None) -> set[str]:
    """The last names of all that is assigned a number or a text somewhere in the file."""
    nodes = (node for node in ast.walk(tree or ast.Module([], [])) if isinstance(node, ast.Assign))
    return {last_name(target) for node in nodes if isinstance(node.value, ast.Constant) for target in node.targets}


def _switching(node: ast.expr | ast.stmt, first: Site, second: Site) -> str:
    """Why a node that ends after the first place and before the second lets threads switch."""
    if isinstance(node, ast.Call):
        inside = _start(node.func) <= (second.line, second.column) and _site_end(second) <= _end(node.func)
        itself = inside or (_start(node) == (second.line, second.column) and _end(node) == _site_end(second))
        name = ast.unparse(node.func)
        return "" if itself else f"it may switch threads at {f'the call {name}()' if len(name) < 40 else 'a call'}"
    if isinstance(node, _LOOPS) and _start(node) > _site_end(first):
        return "it may switch threads in the loop"
    if isinstance(node, _WAITS) and _start(node) > _site_end(first):
        return "it may switch threads where it waits"
    return ""


def _start(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def span(node: ast.expr | ast.stmt) -> tuple[int, int, int, int]:
    """Where the node is, as in a `Site`: the line and column of its beginning and of its end."""
    return (*_start(node), *_end(node))


def _site_end(site: Site) -> tuple[int, int]:
    return site.end_line, site.end_column


def _copies(node: ast.expr) -> bool:
    """Whether it is a call such as ``list(things)``, which is over before a loop over it begins."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _COPIES


_COPIES = ("dict", "frozenset", "list", "set", "sorted", "tuple")
