"""Puts the hooks into statements: bindings of shared variables, loops, functions; annotations and patterns stay."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from plait._check.process_wide import WITH
from plait._check.rewrite.calls import Calls
from plait._check.rewrite.expressions import at_place, has_slice, token
from plait._check.rewrite.scopes import Scopes

_IN_PLACE: Final[dict[type[ast.operator], str]] = {
    ast.Add: "iadd",
    ast.Sub: "isub",
    ast.Mult: "imul",
    ast.MatMult: "imatmul",
    ast.Div: "itruediv",
    ast.FloorDiv: "ifloordiv",
    ast.Mod: "imod",
    ast.Pow: "ipow",
    ast.LShift: "ilshift",
    ast.RShift: "irshift",
    ast.BitAnd: "iand",
    ast.BitXor: "ixor",
    ast.BitOr: "ior",
}
_NUMERIC: Final = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift, ast.MatMult)  # of no container
Result = ast.stmt | list[ast.stmt]


class Statements(Calls):
    """Rewrites a whole module, in place; with `finalizes` others may also come before local variables go."""

    def __init__(self, file: str, scopes: Scopes, *, finalizes: bool = False) -> None:
        super().__init__(file, scopes)
        self.finalizes = finalizes

    def visit(self, node: ast.AST) -> Any:
        """As `ast.NodeTransformer`; each statement uses the same hidden variables again."""
        if isinstance(node, ast.stmt):
            self.around.hidden = 0
        return super().visit(node)

    # Functions and classes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Result:
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        self.defaults(node.args)
        before = self.enter(node, node.name)
        has_docstring = ast.get_docstring(node, clean=False) is not None
        first = node.body[1:2] if has_docstring else node.body[:1]
        site = self.site(node, node.name)
        body = self._block(node.body)
        if (
            self.finalizes
            and isinstance(node, ast.FunctionDef)
            and not isinstance(node.body[-1], ast.Return | ast.Raise)
        ):
            body.append(_expression(self._pause(node.body[-1]), node.body[-1]))
        at: ast.AST = first[0] if first else node
        begins: list[ast.stmt] = [_expression(self.hook("enter", at, site), at)]
        scope = self.around.scope
        if scope.shared:
            target = at_place(ast.Name(token(scope), ast.Store()), at)
            begins.append(at_place(ast.Assign([target], self.hook("new_scope", at)), at))
        node.body = [*body[:1], *begins, *body[1:]] if has_docstring else [*begins, *body]
        self.around = before
        return self._and_bound(node, [node.name])

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Result:
        return self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Result:
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        hides = self.around.may_hide
        self.around.may_hide = hides and not getattr(node, "type_params", ())  # it has no hidden variables either
        node.bases = [self.visit(base) for base in node.bases]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        self.around.may_hide = hides
        before = self.enter(node, node.name)
        node.body = self._block(node.body)
        self.around = before
        return self._and_bound(node, [node.name])

    # Bindings

    def visit_Assign(self, node: ast.Assign) -> Result:
        original, value = node.value, self.visit(node.value)
        if any(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets):
            value = self.whole(original, value)
        for target in node.targets:
            for name in _names(target):
                value = self.stored(name.id, name, value)
        node.value = value
        node.targets = [self.visit(target) for target in node.targets]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Result:
        if node.value is not None:
            node.value = self.visit(node.value)
            if isinstance(node.target, ast.Name):
                node.value = self.stored(node.target.id, node.target, node.value)
            else:
                node.target = self.visit(node.target)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Result:
        target = node.target
        if isinstance(target, ast.Name):
            scope = self.scope_of(target.id)
            if scope is None:
                seen = self.visit(node.value)
                if not (isinstance(node.value, ast.Constant) or isinstance(node.op, _NUMERIC)):
                    name = at_place(ast.Name(target.id, ast.Load()), node.value)
                    seen = self.hook("grows", node.value, seen, name, self.site(node, target.id))
                node.value = seen
                return node
            load = self.visit(at_place(ast.Name(target.id, ast.Load()), target))
            value = self.stored(target.id, target, self._in_place(node, load))
            return at_place(ast.Assign([target], value), node)
        if isinstance(target, ast.Attribute) and self.around.may_hide:
            return self._augmented(node, target)
        if isinstance(target, ast.Subscript) and self.around.may_hide and not has_slice(target.slice):
            return self._augmented(node, target)
        node.target = self.visit(target)
        node.value = self.visit(node.value)
        return node

    def visit_Delete(self, node: ast.Delete) -> Result:
        before = [name for target in node.targets for name in _names(target)]
        node.targets = [self.visit(target) for target in node.targets]
        pauses = [_expression(self._pause(node), node)] if self.finalizes and before else []
        return [*pauses, *self._stores(before), node]

    def visit_Return(self, node: ast.Return) -> Result:
        value = self.visit(node.value) if node.value is not None else None
        node.value = self._pause(node, value) if self.finalizes else value
        return node

    def _pause(self, node: ast.stmt, value: ast.expr | None = None) -> ast.Call:
        """A place to switch at, before something goes that only local variables hold."""
        at = value or node
        return self.hook("pause", at, value or at_place(ast.Constant(None), at), self.site(node, "return"))

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> Result:
        return self._and_bound(node, [alias.asname or alias.name.partition(".")[0] for alias in node.names])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Result:
        return self.visit_Import(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        if node.type is not None:
            node.type = self.visit(node.type)
        node.body = self._block(node.body)
        if node.name is not None:
            node.body = [*self._bound_by(node, [node.name]), *node.body]
        return node

    # Loops, tests and blocks

    def visit_For(self, node: ast.For | ast.AsyncFor) -> Result:
        original, seen = node.iter, self.visit(node.iter)
        if isinstance(node, ast.AsyncFor):
            node.iter = self.hook("pause", original, seen, self.site(original, "async for"))
        else:
            node.iter = self.steps(original, seen)
        node.target = self.visit(node.target)
        node.body = [*self._stores(_names(node.target)), *self._block(node.body)]
        node.orelse = self._block(node.orelse)
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> Result:
        return self.visit_For(node)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> Result:
        bound: list[ast.Name] = []
        for item in node.items:
            original, item.context_expr = item.context_expr, self.visit(item.context_expr)
            if isinstance(node, ast.AsyncWith):
                site = self.site(original, "async with")
                item.context_expr = self.hook("pause", original, item.context_expr, site)
            elif isinstance(original, (ast.Name, ast.Attribute, ast.Call, ast.NamedExpr)):
                site = self.site(original, WITH)
                item.context_expr = self.hook("within", original, item.context_expr, site)
            if item.optional_vars is not None:
                bound += _names(item.optional_vars)
                item.optional_vars = self.visit(item.optional_vars)
        node.body = [*self._stores(bound), *self._block(node.body)]
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> Result:
        return self.visit_With(node)

    def visit_If(self, node: ast.If | ast.While) -> Result:
        node.test = self.truth(node.test)
        node.body = self._block(node.body)
        node.orelse = self._block(node.orelse)
        return node

    def visit_While(self, node: ast.While) -> Result:
        return self.visit_If(node)

    def visit_Assert(self, node: ast.Assert) -> Result:
        node.test = self.truth(node.test)  # its message is only made when it has failed
        return node

    def visit_Match(self, node: ast.Match) -> Result:
        node.subject = self.whole(node.subject, self.visit(node.subject))
        for case in node.cases:
            if case.guard is not None:
                case.guard = self.truth(case.guard)
            names = [each for part in ast.walk(case.pattern) if (each := _captured(part)) is not None]
            case.body = [*self._bound_by(case.body[0], names), *self._block(case.body)]
        return node

    def visit_TypeAlias(self, node: ast.stmt) -> Result:
        return node

    # Helpers

    def _block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in statements:
            result = self.visit(statement)
            found += result if isinstance(result, list) else [result]
        return found

    def _augmented(self, node: ast.AugAssign, target: ast.Attribute | ast.Subscript) -> Result:
        """The object and the key once, then a read, the operator, a write."""
        seen = self.hide(self.visit(target.value))
        assert seen is not None
        kept, thing = seen
        load: ast.expr
        store: ast.expr
        if isinstance(target, ast.Attribute):
            site = self.site(target, self.private(target.attr))
            read = self.hook("read", target.value, kept, site)
            load = at_place(ast.Attribute(read, target.attr, ast.Load()), target)
            write = self.hook("write", target.value, thing, site)
            store = at_place(ast.Attribute(write, target.attr, ast.Store()), target)
        else:
            site = self.site(target, "[]")
            hidden = self.hide(self.visit(target.slice))
            assert hidden is not None
            kept_key, key = hidden
            read = self.hook("read_item", target.value, kept, site, kept_key)
            load = at_place(ast.Subscript(read, key, ast.Load()), target)
            write = self.hook("write_item", target.value, thing, site, key)
            store = at_place(ast.Subscript(write, key, ast.Store()), target)
        return at_place(ast.Assign([store], self._in_place(node, load)), node)

    def _in_place(self, node: ast.AugAssign, load: ast.expr) -> ast.expr:
        return self.hook(_IN_PLACE[type(node.op)], node, load, self.visit(node.value))

    def _and_bound(self, node: ast.stmt, names: list[str]) -> Result:
        after = self._bound_by(node, names)
        return [node, *after] if after else node

    def _bound_by(self, node: ast.AST, names: list[str]) -> list[ast.stmt]:
        return self._stores(at_place(ast.Name(name, ast.Store()), node) for name in names)

    def _stores(self, names: Iterator[ast.Name] | list[ast.Name]) -> list[ast.stmt]:
        """An event for each that is shared, where its binding cannot be an expression."""
        none = ast.Constant(None)
        made = ((name, self.stored(name.id, name, at_place(none, name))) for name in names)
        return [_expression(store, name) for name, store in made if isinstance(store, ast.Call)]


def _expression(value: ast.expr, at: ast.AST) -> ast.stmt:
    return at_place(ast.Expr(value), at)


def _names(target: ast.expr) -> list[ast.Name]:
    """The variables that a target binds."""
    if isinstance(target, ast.Name):
        return [target]
    if isinstance(target, ast.Starred):
        return _names(target.value)
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for element in target.elts for name in _names(element)]
    return []


def _captured(part: ast.AST) -> str | None:
    if isinstance(part, (ast.MatchAs, ast.MatchStar)):
        return part.name
    return part.rest if isinstance(part, ast.MatchMapping) else None
