"""The meaning of code, from its source where that can be trusted: the same on every Python, whatever its layout.

A function's syntax tree is written down without positions, comments and blank lines. It counts only if compiling the
file as it is now gives the very code that runs: a file that was edited after it was imported says nothing about that.
Otherwise the byte code counts, which each version of Python writes in its own way.
"""

from __future__ import annotations

import ast
import linecache
from importlib.util import MAGIC_NUMBER
from types import CodeType

from plait._core.code_names import codes_in

_SILENT = ("ctx", "kind", "type_comment", "type_ignores")  # fields that say nothing, or not the same everywhere
_LATER = ("is_lazy",)  # fields of later Pythons, which mean nothing when they are 0
_TRIES = 5
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Sources:
    """Reads each file once."""

    def __init__(self) -> None:
        self._files: dict[str, _File | None] = {}

    def meaning(self, code: CodeType) -> tuple[object, ...]:
        """The code in builtin values that are equal when the code means the same."""
        node = self.node_of(code)
        return ("source", dump(node)) if node is not None else ("code", MAGIC_NUMBER, byte_code(code))

    def node_of(self, code: CodeType) -> FunctionNode | None:
        """The function that the code was compiled from; None when that cannot be known."""
        name = code.co_filename
        if name not in self._files:
            self._files[name] = _read(name)
        file = self._files[name]
        return file.node_of(code) if file is not None else None


def dump(node: object) -> str:
    """A syntax tree without positions, written the same by every Python that has it.

    >>> dump(ast.parse("x +  1 # comment")) == dump(ast.parse("(x + 1)"))
    True
    """
    if isinstance(node, ast.AST):
        fields = [
            f"{field}={dump(value)}"
            for field in node._fields
            if field not in _SILENT
            and (value := getattr(node, field, None)) is not None
            and value != []
            and (value or field not in _LATER)
        ]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(dump, node))}]"
    return f"{type(node).__name__}:{node!r}"


def byte_code(code: CodeType) -> tuple[object, ...]:
    """What a code object does, without where it stands."""
    constants = tuple(byte_code(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code, constants, counts, names, code.co_exceptiontable


class _File:
    """One source file: its functions, and the code that it compiles to."""

    def __init__(self, tree: ast.Module, code: CodeType) -> None:
        self._nodes: dict[tuple[int, str], list[FunctionNode]] = {}
        for node in ast.walk(tree):
            if isinstance(node, FunctionNode):
                decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
                line = min([node.lineno, *(each.lineno for each in decorators)])
                name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
                self._nodes.setdefault((line, name), []).append(node)
        self._codes = frozenset(codes_in(code))

    def node_of(self, code: CodeType) -> FunctionNode | None:
        """The function that the code was compiled from; None when that cannot be known."""
        if code not in self._codes:
            return None
        nodes = self._nodes.get((code.co_firstlineno, code.co_name), [])
        if len(nodes) > 1:  # lambdas of one line: the one whose body the instructions lie on
            places = set(code.co_positions())
            nodes = [node for node in nodes if isinstance(node, ast.Lambda) and _place(node.body) in places]
        return nodes[0] if len(nodes) == 1 else None


def _place(node: ast.expr) -> tuple[int | None, int | None, int | None, int | None]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _read(name: str) -> _File | None:
    linecache.checkcache(name)
    text = "".join(linecache.getlines(name))
    if not text:
        return None
    try:
        return _File(_parsed(text), compile(text, name, "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError):  # it has been changed, and to something that is no Python
        return None


def _parsed(text: str) -> ast.Module:
    for _ in range(_TRIES):
        try:
            return ast.parse(text)
        except SystemError:  # CPython before 3.13 counts the depth of what several threads parse together (gh-106905)
            continue
    return ast.parse(text)
