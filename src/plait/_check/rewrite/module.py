"""From the source of a module to its code with hooks: every access to what threads can share calls one first.

The module does what it did: the same order of evaluation, the same names, lines and columns. The hooks are names in
`builtins` that no source can contain, such as ``@plait.read``; what they do is said in `hooks`. ::

    self.value += n      self.value is read by    _@1 = self
                                                  @plait.write(_@1, site).value = @plait.iadd(
                                                      @plait.read(_@1, site).value, n)
    jobs[key].run()      @plait.call(@plait.read_item(jobs, site, key)[key], site).run()

A site is a constant tuple: the file, where in it, the function around it, and what stands there.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from types import CodeType
from typing import NamedTuple

from plait._check.hooks import MODULE_SCOPE
from plait._check.rewrite.scopes import Scopes
from plait._check.rewrite.statements import Statements

VERSION = 13


def rewrite(source: str, file: str) -> CodeType:
    """The code of a module, whose functions call the hooks.

    Raises:
        SyntaxError: as `compile` does.
    """
    (code,) = rewrite_parts([Part(file, ast.parse(source, file).body)])
    return code


class Part(NamedTuple):
    """Statements of a module that stand together in one source."""

    file: str
    body: list[ast.stmt]


def rewrite_parts(parts: Sequence[Part], flags: int = 0) -> list[CodeType]:
    """The codes of a module that was written in several places, to be run one after the other; it has one scope.

    `flags` are those of `compile`.

    Raises:
        SyntaxError: as `compile` does.
    """
    scopes = Scopes(ast.Module([statement for part in parts for statement in part.body], []))
    codes = []
    for number, (file, statements) in enumerate(parts):
        tree = ast.Module(statements, [])
        Statements(file, scopes, finalizes=_finalizes(tree)).visit(tree)
        if not number:
            first = next((at for at, node in enumerate(tree.body) if not _must_be_first(at, node)), len(tree.body))
            call = ast.Call(ast.Name("@plait.new_scope", ast.Load()), [], [])
            token = ast.Assign([ast.Name(MODULE_SCOPE, ast.Store())], call)
            tree.body.insert(first, _at_the_top(token))
        # Its asserts count under `python -O`, too.
        codes.append(compile(tree, file, "exec", flags, dont_inherit=True, optimize=0))
    return codes


def _finalizes(tree: ast.Module) -> bool:
    """Whether something may run when the last reference to an object goes."""
    return any(
        (isinstance(node, ast.FunctionDef) and node.name == "__del__")
        or (isinstance(node, ast.Import) and any(alias.name == "weakref" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "weakref")
        for node in ast.walk(tree)
    )


def _must_be_first(number: int, node: ast.stmt) -> bool:
    """The docstring, and imports from the future."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return number == 0
    return isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level


def _at_the_top(statement: ast.stmt) -> ast.stmt:
    for node in ast.walk(statement):
        if isinstance(node, (ast.expr, ast.stmt)):
            node.lineno = node.end_lineno = 1
            node.col_offset = node.end_col_offset = 0
    return statement
