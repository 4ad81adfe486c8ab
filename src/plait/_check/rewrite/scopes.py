"""Which variables of a module can be shared by threads and change: found by reading its syntax tree.

A variable is shared when a function reads or binds it that is not the one it belongs to (a global variable belongs to
the module), and when it is bound more than once: a second time, in a loop, or by another function through ``global`` or
``nonlocal``. All others, nearly all, cost nothing.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_OFTEN = 2  # a binding in a loop, or by another function, counts as so many


class Scope:
    """The variables of a module, a class, a function or a comprehension.

    Attributes:
        number: of the scope, in the order of the source; 0 is the module.
        node: its syntax node.
        parent: the scope around it; None for the module.
        bound: how often each of its variables is bound in it.
        shared: those of its variables that are shared and change.
        accessed: those that a function within it accesses, and not it alone.
    """

    def __init__(self, number: int, node: ast.AST, parent: Scope | None) -> None:
        self.number = number
        self.node = node
        self.parent = parent
        self.bound: Counter[str] = Counter()
        self.loaded: set[str] = set()
        self.above: dict[str, bool] = {}  # declared global (True) or nonlocal (False)
        self.accessed: set[str] = set()
        self.elsewhere: set[str] = set()
        self.defined: set[str] = set()
        self.imported: set[str] = set()
        self.shared: frozenset[str] = frozenset()

    @property
    def function(self) -> Scope:
        """The function, class or module in whose frame it runs: comprehensions have none that matters."""
        scope = self
        while isinstance(scope.node, COMPREHENSIONS) and scope.parent is not None:
            scope = scope.parent
        return scope

    def owner(self, name: str) -> Scope | None:
        """The scope whose variable `name` is here; None if it is a builtin or comes with a star import."""
        scope: Scope | None = self
        if self.above.get(name):
            return self._module()
        if name in self.bound and name not in self.above:
            return self
        scope = self.parent
        while scope is not None:
            if name in scope.bound and name not in scope.above and not isinstance(scope.node, ast.ClassDef):
                return scope
            if scope.above.get(name):
                return self._module()
            scope = scope.parent
        return None

    def _module(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope


class Scopes:
    """All scopes of a module."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(0, tree, None)
        self._all = [self.module]
        self._of: dict[ast.AST, Scope] = {tree: self.module}
        self._read(tree.body, self.module, often=False)
        self._resolve()

    def of(self, node: ast.AST) -> Scope:
        """The scope that this node opens."""
        return self._of[node]

    def is_builtin(self, name: str, scope: Scope) -> bool:
        """Whether nothing in the module gives the name another meaning."""
        return scope.owner(name) is None and name not in self.module.bound

    def is_defined(self, name: str, scope: Scope) -> bool:
        """Whether the name means one function or class of this source, wherever it is used."""
        owner = scope.owner(name)
        return owner is not None and owner.bound[name] == 1 and name in owner.defined and name not in owner.imported

    def _open(self, node: ast.AST, parent: Scope) -> Scope:
        scope = self._of[node] = Scope(len(self._all), node, parent)
        self._all.append(scope)
        return scope

    def _read(self, nodes: Sequence[ast.AST], scope: Scope, *, often: bool) -> None:
        for node in nodes:
            self._node(node, scope, often)

    def _node(self, node: ast.AST, scope: Scope, often: bool) -> None:
        for name, defines in _bindings(node):
            _walrus_target(node, scope).bound[name] += _OFTEN if often else 1
            if defines:
                scope.defined.add(name)
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    scope.imported.add(name)
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            scope.above.update(dict.fromkeys(node.names, isinstance(node, ast.Global)))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            scope.loaded.add(node.id)
        if isinstance(node, FUNCTIONS):
            self._function(node, scope, often)
        elif isinstance(node, ast.ClassDef):
            self._read([*node.decorator_list, *node.bases, *node.keywords], scope, often=often)
            self._read(node.body, self._open(node, scope), often=False)
        elif isinstance(node, COMPREHENSIONS):
            self._read(list(ast.iter_child_nodes(node)), self._open(node, scope), often=True)
        else:
            often = often or isinstance(node, (ast.For, ast.AsyncFor, ast.While))
            self._read(list(ast.iter_child_nodes(node)), scope, often=often)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope, often: bool) -> None:
        args = node.args
        outside: list[ast.AST] = [*args.defaults, *(default for default in args.kw_defaults if default is not None)]
        outside += getattr(node, "decorator_list", [])
        self._read(outside, scope, often=often)
        inner = self._open(node, scope)
        every = chain(args.posonlyargs, args.args, args.kwonlyargs, (one for one in (args.vararg, args.kwarg) if one))
        inner.bound.update(arg.arg for arg in every)
        self._read([node.body] if isinstance(node, ast.Lambda) else node.body, inner, often=False)

    def _resolve(self) -> None:
        for scope in self._all:
            for name in {*scope.loaded, *scope.bound, *scope.above}:
                owner = scope.owner(name)
                if owner is None or owner.function is scope.function:
                    continue
                owner.accessed.add(name)
                if name in scope.bound and name in scope.above:
                    owner.elsewhere.add(name)
                    owner.bound[name] += _OFTEN
        for scope in self._all:
            if not isinstance(scope.node, (*COMPREHENSIONS, ast.ClassDef)):
                scope.shared = frozenset(
                    name
                    for name in scope.accessed
                    if scope.bound[name] >= _OFTEN and (name not in scope.defined or name in scope.elsewhere)
                )


def _walrus_target(node: ast.AST, scope: Scope) -> Scope:
    return scope.function if isinstance(node, ast.NamedExpr) else scope


def _bindings(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """The names that this very node binds, and whether by a definition: of a function, a class, or by an import."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, False
    elif isinstance(node, ast.NamedExpr):
        yield node.target.id, False
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, True
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield (alias.asname or alias.name.partition(".")[0]), True
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name, False
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest, False
