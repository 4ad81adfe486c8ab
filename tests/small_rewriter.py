"""A small rewriter after the contract of the hooks: enough to test what stands behind them without the real one."""

from __future__ import annotations

import ast
from types import CodeType


def rewrite(source: str, file: str, *, module: str) -> CodeType:
    tree = ast.parse(source)
    shared = {name for node in ast.walk(tree) if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names}
    tree = _Rewriter(file, shared).visit(tree)
    at = 1 if ast.get_docstring(tree) else 0
    while at < len(tree.body) and isinstance(tree.body[at], ast.ImportFrom) and tree.body[at].module == "__future__":
        at += 1
    scope = ast.Assign([ast.Name("_@scope", ast.Store())], ast.Call(ast.Name("@plait.new_scope", ast.Load()), [], []))
    tree.body.insert(at, scope)
    return compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)


class _Rewriter(ast.NodeTransformer):
    def __init__(self, file: str, shared: set[str]) -> None:
        self.file, self.shared, self.function, self.temporary = file, shared, ["<module>"], 0

    def site(self, node: ast.AST, text: str) -> ast.Constant:
        where = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        return ast.Constant((self.file, *where, ".".join(self.function[1:]) or "<module>", text))

    def hook(self, name: str, node: ast.AST, *args: ast.expr) -> ast.expr:
        return ast.copy_location(ast.Call(ast.Name(f"@plait.{name}", ast.Load()), list(args), []), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        name = "read" if isinstance(node.ctx, ast.Load) else "write"
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id == "super":
            return node
        node.value = self.hook(name, node, node.value, self.site(node, node.attr))
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        key = node.slice if isinstance(node.slice, (ast.Constant, ast.Name)) else ast.Name("@plait.WHOLE", ast.Load())
        name = "read_item" if isinstance(node.ctx, ast.Load) else "write_item"
        if isinstance(key, ast.Name):
            key = ast.Name(key.id, ast.Load())
        node.value = self.hook(name, node, node.value, self.site(node, "[]"), key)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Attribute):
            function = node.func
            is_super = isinstance(function.value, ast.Call) and getattr(function.value.func, "id", "") == "super"
            function.value = self.visit(function.value)
            if not is_super:
                function.value = self.hook("call", node, function.value, self.site(node, function.attr))
        else:
            node.func = self.visit(node.func)
        node.args = [self.visit(arg) for arg in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        if (
            isinstance(node.func, ast.Name)
            and node.args
            and node.func.id in ("len", "list", "sum", "sorted", "next", "dict", "tuple", "set", "min", "max")
        ):
            if not isinstance(node.args[0], ast.Starred):
                node.args[0] = self.hook("whole", node, node.args[0], self.site(node, node.func.id))
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        for number, operator in enumerate(node.ops):
            if isinstance(operator, (ast.In, ast.NotIn)):
                node.comparators[number] = self.hook("contains", node, node.comparators[number], self.site(node, "in"))
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        target, statements = node.target, []
        if isinstance(target, ast.Name):
            load, store = ast.Name(target.id, ast.Load()), target
        else:
            self.temporary += 1
            thing = f"@t{self.temporary}"
            statements.append(ast.Assign([ast.Name(thing, ast.Store())], target.value))
            if isinstance(target, ast.Attribute):
                load = ast.Attribute(ast.Name(thing, ast.Load()), target.attr, ast.Load())
                store = ast.Attribute(ast.Name(thing, ast.Load()), target.attr, ast.Store())
            else:
                statements.append(ast.Assign([ast.Name(thing + "k", ast.Store())], target.slice))
                load = ast.Subscript(ast.Name(thing, ast.Load()), ast.Name(thing + "k", ast.Load()), ast.Load())
                store = ast.Subscript(ast.Name(thing, ast.Load()), ast.Name(thing + "k", ast.Load()), ast.Store())
        statements.append(ast.Assign([store], ast.BinOp(load, node.op, node.value)))
        found: list[ast.stmt] = []
        for statement in statements:
            for inner in ast.walk(statement):
                if isinstance(inner, (ast.expr, ast.stmt)) and not hasattr(inner, "lineno"):
                    ast.copy_location(inner, node)
            result = self.visit(statement)
            found += result if isinstance(result, list) else [result]
        return found

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.shared and isinstance(node.ctx, ast.Load):
            load = self.hook("load", node, ast.Name("_@scope", ast.Load()), self.site(node, node.id))
            return ast.copy_location(ast.BoolOp(ast.Or(), [load, node]), node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in self.shared:
                site = self.site(node, target.id)
                node.value = self.hook("store", node, node.value, ast.Name("_@scope", ast.Load()), site)
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        self.generic_visit(node)
        node.iter = self.hook("iterate", node.iter, node.iter, self.site(node.iter, "for"))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        node.iter = self.hook("iterate", node.iter, node.iter, self.site(node.iter, "for"))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        self.function.append(node.name)
        self.generic_visit(node)
        at = 1 if ast.get_docstring(node) and len(node.body) > 1 else 0
        enter = ast.copy_location(ast.Expr(self.hook("enter", node, self.site(node, node.name))), node.body[at])
        node.body.insert(at, enter)
        self.function.pop()
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        self.function.append(node.name)
        self.generic_visit(node)
        self.function.pop()
        return node

    def visit_Yield(self, node: ast.Yield) -> ast.expr:
        self.generic_visit(node)
        if node.value is not None:
            node.value = self.hook("pause", node, node.value, self.site(node, "yield"))
        return node

    def visit_Await(self, node: ast.Await) -> ast.expr:
        self.generic_visit(node)
        node.value = self.hook("pause", node, node.value, self.site(node, "await"))
        return node
