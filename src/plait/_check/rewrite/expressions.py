"""Puts the hooks into expressions.

Where something must be evaluated once and used twice it is kept in a hidden variable, ``_@1``. A class body and a
comprehension have none: there the event comes a little earlier, before the arguments or the key are evaluated.
"""

from __future__ import annotations

import ast
from typing import Any, Final, TypeVar

from plait._check.rewrite.scopes import COMPREHENSIONS, Scope, Scopes

FRESH: Final = (
    ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.JoinedStr, ast.Lambda, *COMPREHENSIONS,
)  # fmt: skip  # nobody else has a value that was made just now
_TESTED: Final = (ast.Name, ast.Attribute, ast.Subscript)
_HELD: Final = (*_TESTED, ast.Call, ast.Await)  # what may be a container of others
_JOINING: Final = (ast.Add, ast.Mult, ast.Mod, ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)  # operators of containers
_NO_LOOK: Final = (ast.Is, ast.IsNot, ast.In, ast.NotIn)

Node = TypeVar("Node", bound=ast.AST)


class Around:
    """Where the rewriter is: the scope, its name for people, the class for private names, and hidden variables used."""

    def __init__(self, scope: Scope, name: str, private: str) -> None:
        self.scope = scope
        self.name = name
        self.private = private
        self.hidden = 0
        self.may_hide = not isinstance(scope.node, (ast.ClassDef, *COMPREHENSIONS))


class Expressions(ast.NodeTransformer):
    """Rewrites expressions; `Calls` goes on from here."""

    def __init__(self, file: str, scopes: Scopes) -> None:
        self.file = file
        self.scopes = scopes
        self.around = Around(scopes.module, "<module>", "")

    # What stands in the new code

    def hook(self, name: str, at: ast.AST, *args: ast.expr) -> ast.Call:
        """A call of a hook; it stands where `at` does, so an error in it would be shown there."""
        return at_place(ast.Call(at_place(ast.Name(f"@plait.{name}", ast.Load()), at), list(args), []), at)

    def site(self, node: ast.AST, text: str) -> ast.Constant:
        """The place of the node, as a constant."""
        at: Any = node  # an expression or a statement: it has a place
        where = (at.lineno, at.col_offset, at.end_lineno, at.end_col_offset)
        constant: Any = (self.file, *where, self.around.name, text)  # a tuple is one, whatever the stubs say
        return at_place(ast.Constant(constant), node)

    def hide(self, value: ast.expr) -> tuple[ast.expr, ast.expr] | None:
        """An expression that keeps the value in a hidden variable, and one that gives it again."""
        if not self.around.may_hide:
            return None
        self.around.hidden += 1
        name = f"_@{self.around.hidden}"
        kept = at_place(ast.NamedExpr(at_place(ast.Name(name, ast.Store()), value), value), value)
        return kept, at_place(ast.Name(name, ast.Load()), value)

    def private(self, name: str) -> str:
        """A name as it is within the class: ``__x`` is ``_Class__x``."""
        owner = self.around.private.lstrip("_")
        if owner and name.startswith("__") and not name.endswith("__") and "." not in name:
            return f"_{owner}{name}"
        return name

    def scope_of(self, name: str) -> ast.expr | None:
        """What tells this variable from others of its name, if it is shared; None if it is not."""
        owner = self.around.scope.owner(name)
        if owner is None or name not in owner.shared:
            return None
        return ast.Name(token(owner), ast.Load())

    def is_plain(self, node: ast.expr) -> bool:
        """Whether evaluating it does nothing and gives the same again: a constant, or a variable that is not shared."""
        if isinstance(node, ast.UnaryOp):
            return isinstance(node.operand, ast.Constant)
        return isinstance(node, (ast.Constant, ast.Lambda)) or self.is_local(node)

    def is_local(self, node: ast.expr) -> bool:
        """Whether it is a variable that nobody else binds."""
        return isinstance(node, ast.Name) and self.scope_of(node.id) is None

    def truth(self, node: ast.expr) -> ast.expr:
        """What is tested: an empty container is false, so a test looks at all of it."""
        if isinstance(node, ast.BoolOp):
            node.values = [self.truth(value) for value in node.values]
            return node
        seen: ast.expr = self.visit(node)
        return self.whole(node, seen) if isinstance(node, _TESTED) else seen

    def whole(self, node: ast.expr, seen: ast.expr) -> ast.expr:
        """What is looked at in one go."""
        return seen if isinstance(node, FRESH) else self._looked_at("whole", node, seen)

    def _looked_at(self, hook: str, node: ast.expr, seen: ast.expr) -> ast.expr:
        return self.hook(hook, node, seen, self.site(node, getattr(node, "attr", "") or getattr(node, "id", "[]")))

    def steps(self, node: ast.expr, seen: ast.expr) -> ast.expr:
        """What is gone through step by step."""
        if isinstance(node, (ast.Constant, ast.Lambda, ast.JoinedStr)):
            return seen
        return self.hook("iterate", node, seen, self.site(node, "for"))

    # Names, attributes, elements

    def visit_Name(self, node: ast.Name) -> ast.expr:
        scope = self.scope_of(node.id) if isinstance(node.ctx, ast.Load) else None
        if scope is None:
            return node
        load = self.hook("load", node, at_place(scope, node), self.site(node, self.private(node.id)))
        return at_place(ast.BoolOp(ast.Or(), [load, node]), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if not is_super(node.value):
            hook = "read" if isinstance(node.ctx, ast.Load) else "write"
            value = node.value
            node.value = self.hook(hook, value, self.visit(value), self.site(node, self.private(node.attr)))
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        value, key = node.value, node.slice
        hook = "read_item" if isinstance(node.ctx, ast.Load) else "write_item"
        seen = self.visit(value)
        if isinstance(key, ast.Constant) or (isinstance(key, ast.Name) and self.is_plain(key)):
            first: ast.expr = again(key, key)
        else:
            node.slice = self.visit(key)
            hidden = None if has_slice(key) else self.hide(node.slice)
            if hidden is None:
                first = at_place(ast.Name("@plait.WHOLE", ast.Load()), value)
            else:
                first, node.slice = hidden
        node.value = self.hook(hook, value, seen, self.site(node, "[]"), first)
        return node

    # What looks at all of a container, or tests it

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        operands = [node.left, *node.comparators]
        compares = not any(isinstance(one, ast.Constant) for one in operands)
        first = node.ops[0]
        node.left = self._compared(node.left, compares and not isinstance(first, _NO_LOOK))
        for number, (operator, operand) in enumerate(zip(node.ops, node.comparators, strict=True)):
            if isinstance(operator, (ast.In, ast.NotIn)) and not isinstance(operand, FRESH):
                seen: ast.expr = self.hook("whole", operand, self.visit(operand), self.site(operand, "in"))
            else:
                seen = self._compared(operand, compares and not isinstance(operator, _NO_LOOK))
            node.comparators[number] = seen
        return node

    def _compared(self, node: ast.expr, looks: bool) -> ast.expr:
        """What ``==`` and operators look at."""
        seen: ast.expr = self.visit(node)
        return self._looked_at("text", node, seen) if looks and isinstance(node, _HELD) else seen

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        joins = isinstance(node.op, _JOINING) and not (_is_number(node.left) or _is_number(node.right))
        texts = isinstance(node.op, ast.Mod) and isinstance(node.right, ast.Tuple)
        node.left = self._compared(node.left, joins)
        if texts and isinstance(node.right, ast.Tuple):
            node.right.elts = [self._compared(part, looks=True) for part in node.right.elts]
        else:
            node.right = self._compared(node.right, joins)
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        node.value = self._compared(node.value, looks=True)
        if node.format_spec is not None:
            node.format_spec = self.visit(node.format_spec)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        *tested, last = node.values
        node.values = [*(self.truth(value) for value in tested), self.visit(last)]
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        node.operand = self.truth(node.operand) if isinstance(node.op, ast.Not) else self.visit(node.operand)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        node.test = self.truth(node.test)
        node.body = self.visit(node.body)
        node.orelse = self.visit(node.orelse)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.expr:
        original, node.value = node.value, self.visit(node.value)
        if isinstance(node.ctx, ast.Load):
            node.value = self.whole(original, node.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        for number, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            seen = self.visit(value)
            if key is None:
                seen = self.whole(value, seen)
            else:
                node.keys[number] = self.visit(key)
            node.values[number] = seen
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        node.value = self.stored(node.target.id, node.target, self.visit(node.value))
        return node

    def stored(self, name: str, at: ast.AST, value: ast.expr) -> ast.expr:
        """The value of a binding; an event comes before it is bound, if the variable is shared."""
        scope = self.scope_of(name)
        if scope is None:
            return value
        return self.hook("store", value, value, at_place(scope, at), self.site(at, self.private(name)))

    # Scopes, and places to switch at

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        self.defaults(node.args)
        around = self.enter(node, "<lambda>")
        enter = self.hook("enter", node.body, self.site(node, "lambda"))
        tokens = self.tokens(node.body)
        node.body = self.visit(node.body)
        node.body = at_place(ast.BoolOp(ast.Or(), [enter, *tokens, node.body]), node.body)
        self.around = around
        return node

    def tokens(self, at: ast.AST) -> list[ast.expr]:
        """What makes the token of the variables of a lambda, an expression that is false."""
        scope = self.around.scope
        if not scope.shared:
            return []
        made = ast.NamedExpr(at_place(ast.Name(token(scope), ast.Store()), at), self.hook("new_scope", at))
        return [at_place(ast.UnaryOp(ast.Not(), at_place(made, at)), at)]

    def enter(self, node: ast.AST, name: str) -> Around:
        """Goes into a scope; returns where it was."""
        before = self.around
        inside = before.name if before.scope.parent is not None else ""
        if isinstance(before.scope.function.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inside += ".<locals>"
        private = name if isinstance(node, ast.ClassDef) else before.private
        self.around = Around(self.scopes.of(node), f"{inside}.{name}".removeprefix("."), private)
        return before

    def defaults(self, args: ast.arguments) -> None:
        """The defaults of arguments, which belong to the scope around the function."""
        args.defaults = [self.visit(default) for default in args.defaults]
        args.kw_defaults = [default and self.visit(default) for default in args.kw_defaults]

    def _comprehension(self, node: ast.expr) -> ast.expr:
        before = self.around
        self.around = Around(self.scopes.of(node), before.name, before.private)
        for generator in node.generators:  # type: ignore[attr-defined]  # all comprehensions have them
            original = generator.iter
            seen = self.visit(original)
            if generator.is_async:
                generator.iter = self.hook("pause", original, seen, self.site(original, "async for"))
            else:
                generator.iter = self.steps(original, seen)
            generator.ifs = [self.truth(test) for test in generator.ifs]
        if isinstance(node, ast.DictComp) and node.value is None:  # {**each for each in them}, from CPython 3.15 on
            node.key = self.whole(node.key, self.visit(node.key))
        else:
            for field in ("elt", "key", "value"):
                if hasattr(node, field):
                    setattr(node, field, self.visit(getattr(node, field)))
        self.around = before
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Yield(self, node: ast.Yield) -> ast.expr:
        value = self.visit(node.value) if node.value is not None else at_place(ast.Constant(None), node)
        node.value = self.hook("pause", value, value, self.site(node, "yield"))
        return node

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.expr:
        node.value = self.steps(node.value, self.visit(node.value))
        return node

    def visit_Await(self, node: ast.Await) -> ast.expr:
        node.value = self.hook("pause", node.value, self.visit(node.value), self.site(node, "await"))
        return node


def token(scope: Scope) -> str:
    """The hidden variable that tells the variables of one call, or of one module, from those of another."""
    return f"_@scope{scope.number or ''}"


def is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float, complex))


def has_slice(key: ast.expr) -> bool:
    """Whether the key is a slice, or a tuple with one."""
    return isinstance(key, ast.Slice) or (isinstance(key, ast.Tuple) and any(map(has_slice, key.elts)))


def again(node: ast.expr, at: ast.AST) -> ast.expr:
    """The same once more, to be loaded."""
    if isinstance(node, ast.Name):
        return at_place(ast.Name(node.id, ast.Load()), at)
    return node


def at_place(node: Node, at: ast.AST) -> Node:
    """The node, where another one is in the source."""
    return ast.copy_location(node, at)
