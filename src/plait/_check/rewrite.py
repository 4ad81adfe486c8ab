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
from types import CodeType

from plait._check.hooks import MODULE_SCOPE
from plait._check.rewrite_statements import Statements
from plait._check.scopes import Scopes

VERSION = 10


def rewrite(source: str, file: str, *, module: str) -> CodeType:  # noqa: ARG001  # others may need its name
    """The code of a module, whose functions call the hooks.

    Raises:
        SyntaxError: as `compile` does.
    """
    tree = ast.parse(source, file)
    scopes = Scopes(tree)
    Statements(file, scopes).visit(tree)
    first = next((number for number, node in enumerate(tree.body) if not _must_be_first(number, node)), len(tree.body))
    call = ast.Call(ast.Name("@plait.new_scope", ast.Load()), [], [])
    token = ast.Assign([ast.Name(MODULE_SCOPE, ast.Store())], call)
    tree.body.insert(first, _at_the_top(token))
    return compile(tree, file, "exec", dont_inherit=True, optimize=0)  # its asserts count under `python -O`, too


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
