"""The user's files, read and parsed once each, and what they say of their lines."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

from plait._check.reading.touched import calls_of

_WEAK = ("ref", "proxy", "WeakMethod", "finalize")


class SourceFiles:
    """Files by name, read once each.

    Args:
        read: gives the lines of a file; none when there is no such file.
    """

    def __init__(self, read: Callable[[str], Sequence[str]]) -> None:
        self._read = read
        self._lines: dict[str, list[str]] = {}
        self._trees: dict[str, ast.Module | None] = {}

    def line(self, file: str, number: int) -> str:
        """The text of a line without its indentation, "" when it is not known."""
        lines = self._lines_of(file)
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def known(self, file: str) -> bool:
        """Whether the file can be read and parsed."""
        return self._tree(file) is not None

    def calling(self, file: str, name: str, method: str) -> int:
        """The line where a method is called on what has this last name, `0` if there is none."""
        return next(self.callers(file, name, method), 0)

    def callers(self, file: str, name: str, method: str) -> Iterator[int]:
        """The lines where a method is called on what has this last name."""
        return calls_of(self._tree(file) or ast.Module([], []), name, method)

    def called_behind(self, file: str, line: int, name: str, methods: Sequence[str]) -> int:
        """The line behind this one, in its function, that calls one of the methods on what has this last name.

        0 if there is none, and where such a call stands before it as well.
        """
        around = self._function_around(file, line)
        called = (node.func for node in (ast.walk(around) if around else ()) if isinstance(node, ast.Call))
        lines = [
            function.lineno
            for function in called
            if isinstance(function, ast.Attribute)
            if function.attr in methods and ast.unparse(function.value).rpartition(".")[2] == name
        ]
        return min(lines) if lines and min(lines) > line else 0

    def entered_around(self, file: str, line: int) -> str:
        """What an `async with` around the line, or before it on the line, has entered; "" if there is none."""
        found = ""
        for node in self._nodes(file):
            if isinstance(node, ast.AsyncWith) and node.lineno <= line <= (node.end_lineno or line):
                before = node.items if node.lineno < line else node.items[:-1]
                found = ast.unparse(before[-1].context_expr) if before else found
        return found

    def raises(self, file: str, line: int) -> bool:
        """Whether a `raise` stands in this line: the program itself says what is wrong."""
        raises = (one for one in ast.walk(self._tree(file) or ast.Module([], [])) if isinstance(one, ast.Raise))
        return any(one.lineno <= line <= (one.end_lineno or 0) for one in raises)

    def tested(self, file: str, line: int) -> range:
        """The lines of the test that has led to a `raise` at this line; none if no `raise` stands there."""
        for node in self._nodes(file):
            if isinstance(node, ast.If) and any(isinstance(one, ast.Raise) and one.lineno == line for one in node.body):
                return range(node.lineno, (node.test.end_lineno or node.lineno) + 1)
        return range(0)

    def handlers(self, file: str, line: int) -> range:
        """The lines where exceptions of this line are handled, in the innermost `try` that does."""
        found = range(0)
        for node in self._nodes(file):
            if isinstance(node, ast.Try) and node.handlers and node.body[0].lineno <= line < node.handlers[0].lineno:
                found = range(node.handlers[0].lineno, (node.handlers[-1].end_lineno or 0) + 1)
        return found

    def calls(self, file: str, line: int) -> Iterator[ast.Call]:
        """The calls that stand on a line, the outer ones first."""
        nodes = self._nodes(file)
        return (one for one in nodes if isinstance(one, ast.Call) and one.lineno <= line <= (one.end_lineno or line))

    def functions(self, file: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """All of a file, those inside others behind those."""
        nodes = self._nodes(file)
        return (one for one in nodes if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))

    def names_on(self, file: str, line: int) -> set[str]:
        """The names of variables and attributes that stand on a line."""
        nodes = [one for one in self._nodes(file) if getattr(one, "lineno", 0) == line]
        names = {one.id for one in nodes if isinstance(one, ast.Name)}
        return names | {one.attr for one in nodes if isinstance(one, ast.Attribute)}

    def signal_handlers(self, file: str) -> set[str]:
        """The last names of the functions that are set as handlers of signals there."""
        calls = (one for one in self._nodes(file) if isinstance(one, ast.Call))
        setting = (one for one in calls if ast.unparse(one.func) in ("signal.signal", "signal") and len(one.args) > 1)
        return {ast.unparse(one.args[1]).rpartition(".")[2] for one in setting}

    def weak_callbacks(self, file: str) -> set[str]:
        """The last names of what weak references call there when their object has gone; of a lambda, its line."""
        calls = (one for one in self._nodes(file) if isinstance(one, ast.Call) and len(one.args) > 1)
        given = (one.args[1] for one in calls if ast.unparse(one.func).rpartition(".")[2] in _WEAK)
        return {
            str(one.lineno) if isinstance(one, ast.Lambda) else ast.unparse(one).rpartition(".")[2] for one in given
        }

    def returns_nothing(self, file: str, line: int) -> bool:
        """Whether the function around a line returns None wherever it ends, and is no generator or coroutine."""
        function = self._function_around(file, line)
        if not isinstance(function, ast.FunctionDef):
            return False
        return not any(
            isinstance(one, ast.Yield | ast.YieldFrom)
            or (isinstance(one, ast.Return) and one.value is not None and ast.unparse(one.value) != "None")
            for one in ast.walk(function)
        )

    def _function_around(self, file: str, line: int) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The innermost function that has the line, or is decorated there."""
        around = [
            node
            for node in self.functions(file)
            if min([node.lineno, *(one.lineno for one in node.decorator_list)]) <= line <= (node.end_lineno or line)
        ]
        return around[-1] if around else None

    def _lines_of(self, file: str) -> list[str]:
        if file not in self._lines:
            self._lines[file] = [line.rstrip("\r\n") for line in self._read(file)]
        return self._lines[file]

    def _nodes(self, file: str) -> Iterator[ast.AST]:
        """All that the file is made of, those inside others behind those; nothing where it cannot be parsed."""
        return ast.walk(self._tree(file) or ast.Module([], []))

    def _tree(self, file: str) -> ast.Module | None:
        if file not in self._trees:
            try:
                lines = self._lines_of(file)
                self._trees[file] = ast.parse("\n".join(lines)) if lines else None
            except (SyntaxError, ValueError):
                self._trees[file] = None
        return self._trees[file]
