"""Puts the hooks into calls: right before the call, when all arguments have been evaluated.

The hook gets the arguments, since code without hooks may look at them. The last one passes through it; the others are
named again, or kept in hidden variables where they are no names. What was made just now is nobody else's.
"""

from __future__ import annotations

import ast
from typing import Final

from plait._check.handed import handed_function
from plait._check.named import SLOTS
from plait._check.rewrite.expressions import Expressions, again, at_place, is_super

# Builtins that look at all of their argument; those that go through it step by step, as a loop does.
_WHOLE: Final = frozenset(
    "len list tuple set frozenset dict sorted sum min max any all iter next reversed repr str bytes bytearray".split()
)
_STEPWISE: Final = frozenset(("enumerate", "zip", "map", "filter"))
# Builtins that `calling` knows, whatever they are given.
_TOLD: Final = frozenset("getattr setattr hasattr delattr print open vars format exec eval".split())
_KEPT: Final = (ast.Attribute, ast.Subscript, ast.Call, ast.Await, ast.BoolOp, ast.IfExp, ast.NamedExpr)


class Calls(Expressions):
    """Rewrites expressions, calls among them; `Statements` goes on from here."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        given = handed_function(node)
        if not isinstance(given, ast.Call | ast.Attribute):
            return self._visited(node)
        taker, called = ast.unparse(node.func), ast.unparse(given)
        position = _all(node).index(given)
        method = self.site(given, f"{given.attr}()") if isinstance(given, ast.Attribute) else None
        found = self._visited(node)
        value = _argument(node, position)
        if method is not None:
            text: ast.expr = at_place(ast.Constant(taker), given)
            _put(node, position, self.hook("handing", given, value, method, text))
        else:
            text = at_place(ast.Constant(called), given)
            _put(node, position, self.hook("handed", given, value, self.site(node, taker), text))
        return found

    def _visited(self, node: ast.Call) -> ast.expr:
        function = node.func
        if isinstance(function, ast.Attribute):
            inherited = is_super(function.value)
            return self._super_method(node, function) if inherited else self._method(node, function)
        if not isinstance(function, ast.Name):
            self._expression(node, function)
        elif not self.scopes.is_builtin(function.id, self.around.scope) or (function.id in _TOLD and node.args):
            self._call(node, function)
        else:
            originals = list(node.args)
            self._arguments(node)
            if node.args:
                self._builtin(function.id, node, originals)
        return node

    def _super_method(self, node: ast.Call, function: ast.Attribute) -> ast.expr:
        """``super().m()``: the event comes before the arguments, since nothing can stand around `super`."""
        owner = self.around.scope.node
        args = owner.args.args if isinstance(owner, (ast.FunctionDef, ast.AsyncFunctionDef)) else []
        myself = at_place(ast.Name(args[0].arg, ast.Load()), node) if args else None
        if myself is None or not self.is_local(myself):
            self._arguments(node)
            return node
        site = self.site(node, self.private(function.attr))
        if function.attr in SLOTS and node.args:
            self._last("inheriting", node, myself, site)
            return node
        self._arguments(node)
        event = self.hook("parent", node, myself, site)
        return at_place(ast.BoolOp(ast.Or(), [event, node]), node)

    def _method(self, node: ast.Call, function: ast.Attribute) -> ast.expr:
        receiver = function.value
        seen = self.visit(receiver)
        site = self.site(node, self.private(function.attr))
        if all(self.is_plain(argument) for argument in _all(node)):
            function.value = self.hook("call", receiver, seen, site, *self._names(node))
            self._lambdas(node)
            return node
        plain = self.is_local(receiver) or isinstance(receiver, ast.Constant)
        hidden = (seen, again(receiver, receiver)) if plain else self.hide(seen)
        if hidden is None:
            self._arguments(node)
            function.value = self.hook("call", receiver, seen, site)
        else:
            function.value, name = hidden
            self._last("acting", node, name, site)
        return node

    def _call(self, node: ast.Call, function: ast.Name) -> None:
        """A call of what a name means: of a function of the user's own, which has its events, or of something else."""
        site = self.site(node, function.id)
        seen = self.visit(function)
        if self.scopes.is_defined(function.id, self.around.scope) or not self.is_local(function):
            node.func = seen
            self._arguments(node)
        elif all(self.is_plain(argument) for argument in _all(node)):
            node.func = self.hook("calling", function, seen, site, *self._names(node))
            self._lambdas(node)
        else:
            node.func = seen
            self._last("passing", node, again(function, function), site)

    def _expression(self, node: ast.Call, function: ast.expr) -> None:
        """A call of what is not named: of an element, of what another call gives."""
        plain = all(self.is_plain(argument) for argument in _all(node))
        seen = self.visit(function)
        site = self.site(node, "()")
        hidden = None if plain or isinstance(function, ast.Lambda) else self.hide(seen)
        if plain:
            node.func = self.hook("calling", function, seen, site, *self._names(node))
            self._lambdas(node)
        elif hidden is None:
            node.func = seen
            self._arguments(node)
        else:
            node.func, name = hidden
            self._last("passing", node, name, site)

    def _names(self, node: ast.Call) -> list[ast.expr]:
        """Plain arguments once more; `getattr` and the like need constants, too."""
        everything = _takes_constants(node)
        return [
            again(argument, argument)
            for argument in _all(node)
            if isinstance(argument, ast.Name) or (everything and isinstance(argument, ast.Constant))
        ]

    def _lambdas(self, node: ast.Call) -> None:
        """The bodies of lambdas among plain arguments: making one does nothing, calling it may."""
        for argument in _all(node):
            if isinstance(argument, ast.Lambda):
                self.visit(argument)

    def _arguments(self, node: ast.Call) -> None:
        node.args = [self.visit(argument) for argument in node.args]
        for keyword in node.keywords:
            original, keyword.value = keyword.value, self.visit(keyword.value)
            if keyword.arg is None:
                keyword.value = self.whole(original, keyword.value)

    def _last(self, hook: str, node: ast.Call, called: ast.expr, site: ast.Constant) -> None:
        """Wraps what is evaluated last, so that the event comes right before the call."""
        originals = _all(node)
        everything = _takes_constants(node)
        self._arguments(node)
        others: list[ast.expr] = []
        for number, original in enumerate(originals[:-1]):
            if self.is_local(original) or (everything and isinstance(original, ast.Constant)):
                others.append(again(original, original))
            elif isinstance(original, ast.Starred):
                pass  # no name can be given to several
            elif isinstance(original, _KEPT) or everything:
                hidden = self.hide(_argument(node, number))
                if hidden is not None:
                    kept, name = hidden
                    _put(node, number, kept)
                    others.append(name)
        last = _argument(node, len(originals) - 1)
        if isinstance(last, ast.Starred):
            last.value = self.hook(hook, last.value, last.value, called, site, *others)
        else:
            _put(node, len(originals) - 1, self.hook(hook, last, last, called, site, *others))

    def _builtin(self, name: str, node: ast.Call, originals: list[ast.expr]) -> None:
        if name in _WHOLE and not isinstance(node.args[0], ast.Starred):
            if len(node.args) == 1 or name not in ("min", "max"):
                node.args[0] = self.whole(originals[0], node.args[0])
        elif name in _STEPWISE:
            for number, original in enumerate(originals[: len(node.args)]):
                is_function = name in ("map", "filter") and not number
                if not (is_function or isinstance(original, ast.Starred)):
                    node.args[number] = self.steps(original, node.args[number])


def _takes_constants(node: ast.Call) -> bool:
    """Whether constants among the arguments say what the call does: a name, a statement in SQL, a file's mode."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr in ("execute", "open") or function.attr in SLOTS
    return isinstance(function, ast.Name) and (function.id in _TOLD or any(map(_is_name, node.args[:2])))


def _is_name(node: ast.expr) -> bool:
    """Whether it may be the name of an attribute: ``keep(self, "value", 1)`` with ``keep = object.__setattr__``."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()


def _all(node: ast.Call) -> list[ast.expr]:
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _argument(node: ast.Call, number: int) -> ast.expr:
    return _all(node)[number]


def _put(node: ast.Call, number: int, value: ast.expr) -> None:
    if number < len(node.args):
        node.args[number] = value
    else:
        node.keywords[number - len(node.args)].value = value
