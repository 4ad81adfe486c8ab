"""Whether a function only reads a table of the program: a list, dict, set or array that it uses by name. Pure.

It reads the source, as byte code does not say what becomes of a value. Where the table or a part of it that can be
changed goes, it is followed: into variables, loops, new containers, and functions of the program. What it is handed to
else may keep or change it, so that only what is known to read counts: `reading_calls` has these functions and methods.
"""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any

from plait._core.source import FunctionNode, Sources
from plait._engines.reading import reading_calls
from plait._engines.reading.held import UNKNOWN, Held, given, in_mapping, in_new
from plait._engines.reading.reading_calls import Result
from plait._engines.reading.table_shape import Shape

_MOST = 400  # variables that are followed
_TESTS = (ast.FormattedValue, ast.Expr, ast.Assert, ast.If, ast.While)  # what they hold ends there


def only_reads(function: FunctionType, name: str, shape: Shape, sources: Sources, value: Any = UNKNOWN) -> bool:
    """Whether the function does nothing but read what it calls so, a table of this shape, and keeps nothing of it."""
    held = Held(0, shape.depth, shape.array, value)
    returned = _Reading(sources).of(function, name, held)
    return returned is not None and not returned


class _Reading:
    """Follows tables through functions of the program."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[tuple[object, ...], list[Held] | None] = {}
        self._open: set[tuple[object, ...]] = set()

    def of(self, function: FunctionType, name: str, held: Held) -> list[Held] | None:
        """What the function returns of a table that it calls so; None if it may change or keep it."""
        key = function.__code__, name, *held[:3], id(held.known)
        if key in self._open:
            return []  # of a call of itself: what it returns the first one tells
        if key not in self._known:
            tree = self._sources.node_of(function.__code__)
            self._open.add(key)
            self._known[key] = None if tree is None else _Body(self, function, tree).uses(name, held)
            self._open.discard(key)
        return self._known[key]


class _Body:
    """One function, in which a table has a name."""

    def __init__(self, reading: _Reading, function: FunctionType, tree: FunctionNode) -> None:
        self._reading = reading
        self._function = function
        self._tree = tree
        self._nodes = list(ast.walk(tree))
        self._parents = {child: parent for parent in self._nodes for child in ast.iter_child_nodes(parent)}
        self._outer = {
            name for node in self._nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names
        }
        self._waiting: list[tuple[str, Held]] = []
        self._seen: set[tuple[object, ...]] = set()
        self._returned: list[Held] = []

    def uses(self, name: str, held: Held) -> list[Held] | None:
        """What is returned of it; None if it may be changed or kept."""
        found = False
        self._follow(name, held)
        while self._waiting:
            name, held = self._waiting.pop()
            for node in self._nodes:
                if isinstance(node, ast.Name) and node.id == name:
                    found = True
                    if not self._is_read_by_name(node, held):
                        return None
        return self._returned if found else None

    def _follow(self, name: str, held: Held) -> None:
        key = name, *held[:3], id(held.known)
        if key not in self._seen:
            self._seen.add(key)
            self._waiting.append((name, held))

    def _is_read_by_name(self, node: ast.Name, held: Held) -> bool:
        if isinstance(node.ctx, ast.Load):
            return self._is_read(node, held)
        changes = isinstance(self._parents.get(node), ast.AugAssign) and not held.fresh
        return node.id not in self._outer and not changes

    def _is_read(self, node: ast.AST, held: Held) -> bool:
        """Whether what has this value is only read: what it is part of decides, by a method with the name of that."""
        parent = self._parents.get(node)
        if held.harmless or isinstance(parent, _TESTS):
            return True
        decide = getattr(self, f"_in_{type(parent).__name__.lower()}", None)
        return decide is not None and bool(decide(parent, node, held))

    def _in_subscript(self, parent: ast.Subscript, node: ast.AST, held: Held) -> bool:
        if parent.value is not node:  # it is the index
            return True
        part = held.at(parent.slice)
        if isinstance(parent.ctx, ast.Load):
            return self._is_read(parent, part)
        changes = isinstance(self._parents.get(parent), ast.AugAssign) and not (part.harmless or part.fresh)
        return held.fresh > 0 and not changes

    def _in_compare(self, parent: ast.Compare, node: ast.AST, held: Held) -> bool:
        """What it is, and not only what it has in it, must be of no matter; nothing of a table is None."""
        others = [one for one in (parent.left, *parent.comparators) if one is not node]
        by_identity = any(isinstance(each, ast.Is | ast.IsNot) for each in parent.ops)
        return not by_identity or all(isinstance(one, ast.Constant) and one.value is None for one in others)

    def _in_for(self, parent: ast.For, node: ast.AST, held: Held) -> bool:
        return self._bind(parent.target, held.item)

    def _in_comprehension(self, parent: ast.comprehension, node: ast.AST, held: Held) -> bool:
        return parent.iter is not node or self._bind(parent.target, held.item)

    def _in_unaryop(self, parent: ast.UnaryOp, node: ast.AST, held: Held) -> bool:
        return isinstance(parent.op, ast.Not) or held.array

    def _in_ifexp(self, parent: ast.IfExp, node: ast.AST, held: Held) -> bool:
        return parent.test is node or self._is_read(parent, held)

    def _in_boolop(self, parent: ast.BoolOp, node: ast.AST, held: Held) -> bool:
        return self._is_read(parent, held)

    def _in_binop(self, parent: ast.BinOp, node: ast.AST, held: Held) -> bool:
        return (held.array and not held.fresh) or self._is_read(parent, in_new(held.value))

    def _in_augassign(self, parent: ast.AugAssign, node: ast.AST, held: Held) -> bool:
        return held.array or held.value.harmless

    def _in_assign(self, parent: ast.Assign, node: ast.AST, held: Held) -> bool:
        return all(self._bind(target, held) for target in parent.targets)

    def _in_annassign(self, parent: ast.AnnAssign, node: ast.AST, held: Held) -> bool:
        return self._bind(parent.target, held)

    def _in_namedexpr(self, parent: ast.NamedExpr, node: ast.AST, held: Held) -> bool:
        return self._bind(parent.target, held) and self._is_read(parent, held)

    def _in_match(self, parent: ast.Match, node: ast.AST, held: Held) -> bool:
        return held.value.harmless

    def _in_return(self, parent: ast.Return, node: ast.AST, held: Held) -> bool:
        return self._leaves(parent, held)

    def _in_lambda(self, parent: ast.Lambda, node: ast.AST, held: Held) -> bool:
        return parent.body is node and self._leaves(parent, held)

    def _in_starred(self, parent: ast.Starred, node: ast.AST, held: Held) -> bool:
        around = self._parents[parent]
        if isinstance(around, ast.Call):
            return self._is_read_in(around, parent, held.item)
        return self._is_read(around, in_new(held.item))

    def _in_display(self, parent: ast.expr, node: ast.AST, held: Held) -> bool:
        return self._is_read(parent, in_new(held))

    _in_list = _in_tuple = _in_listcomp = _in_generatorexp = _in_display

    def _in_set(self, parent: ast.expr, node: ast.AST, held: Held) -> bool:
        return True  # what has a hash cannot be changed

    _in_setcomp = _in_set

    def _in_dictcomp(self, parent: ast.DictComp, node: ast.AST, held: Held) -> bool:
        return parent.key is node or self._is_read(parent, in_new(held))

    def _in_dict(self, parent: ast.Dict, node: ast.AST, held: Held) -> bool:
        spread = any(key is None and value is node for key, value in zip(parent.keys, parent.values, strict=True))
        return self._is_read(parent, in_new(held.value if spread else held))

    def _in_keyword(self, parent: ast.keyword, node: ast.AST, held: Held) -> bool:
        call = self._parents[parent]
        spread = parent.arg is None
        return held.value.harmless if spread else isinstance(call, ast.Call) and self._is_read_in(call, parent, held)

    def _in_call(self, parent: ast.Call, node: ast.AST, held: Held) -> bool:
        return parent.func is not node and self._is_read_in(parent, node, held)

    def _bind(self, target: ast.AST, held: Held) -> bool:
        """Give it to a variable, or its elements to several, whose uses are looked at then."""
        if held.harmless:
            return True
        match target:
            case ast.Name(id=name):
                self._follow(name, held)
                return name not in self._outer and len(self._seen) < _MOST
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                return all(self._bind(one, held.item) for one in targets)
            case ast.Starred(value=inner):
                return self._bind(inner, in_new(held))
            case _:
                return False

    def _leaves(self, node: ast.AST, held: Held) -> bool:
        """It is returned, which whoever has called this function is told."""
        around: ast.AST | None = node
        while around is not None and not isinstance(around, FunctionNode):
            around = self._parents.get(around)
        self._returned.append(held)
        return around is self._tree

    def _in_attribute(self, attribute: ast.Attribute, node: ast.AST, held: Held) -> bool:
        """Whether an attribute of it, or the method that is called, only reads."""
        call = self._parents.get(attribute)
        if not isinstance(attribute.ctx, ast.Load):
            return False
        if not isinstance(call, ast.Call) or call.func is not attribute:
            if held.array and not held.fresh:
                result = reading_calls.of_array(attribute.attr)
                return result is Result.NUMBERS or (result is Result.SELF and self._is_read(attribute, held))
            return held.value.harmless and reading_calls.of_method(attribute.attr, fresh=False) is not None
        if held.array and not held.fresh:
            result = None if _has_keyword(call, "out", "copy") else reading_calls.of_array_method(attribute.attr)
        else:
            result = reading_calls.of_method(attribute.attr, fresh=held.fresh > 0)
        if result is Result.ITEM:
            return self._is_read(call, held.at(call.args[0]) if call.args else held.value)
        return result is not None and self._is_read(call, given(result, held, held.value))

    def _is_read_in(self, call: ast.Call, argument: ast.AST, held: Held) -> bool:
        """Whether a function only reads this argument, and what becomes of its result."""
        if held.harmless:
            return True
        origin, function = reading_calls.origin(call.func, self._function)
        if isinstance(function, FunctionType) and not origin:
            return self._is_read_in_program(call, argument, held, function)
        array = held.array and not held.fresh
        if array and (not _is_input(call, argument, function) or _has_keyword(call, "out", "copy")):
            return False
        if origin == "map":
            return self._is_mapped(call, argument, held)
        result = reading_calls.of_function(origin, array=array)
        if result is None:
            method = call.func.attr if isinstance(call.func, ast.Attribute) and not origin else ""
            return held.value.harmless and reading_calls.takes(method, self._function)
        if origin in reading_calls.MAPPINGS:
            return self._is_read(call, in_mapping(held))
        return self._callbacks_read(call, argument, origin, held.item) and self._is_read(call, given(result, held))

    def _is_mapped(self, call: ast.Call, argument: ast.AST, held: Held) -> bool:
        """Whether ``map`` gives the elements to what only reads them."""
        function = call.args[0]
        inner = reading_calls.of_function(reading_calls.origin(function, self._function)[0], array=False)
        if inner is not None:
            return self._is_read(call, in_new(given(inner, held.item)))
        return argument is not function and self._is_callback(function, held.item)

    def _callbacks_read(self, call: ast.Call, argument: ast.AST, origin: str, item: Held) -> bool:
        """Whether the functions that are called with elements only read them, too."""
        callbacks = [word.value for word in call.keywords if word.arg in ("key", "func")]
        if origin in reading_calls.CALLING:
            callbacks += [one for one in call.args if one is not argument and not isinstance(one, ast.Constant)]
        return all(self._is_callback(one, item) for one in callbacks)

    def _is_callback(self, called: ast.expr, item: Held) -> bool:
        """Whether a function that is given such elements keeps none of them, nor returns one."""
        if item.harmless:
            return True
        if isinstance(called, ast.Lambda):
            return all(self._bind(ast.Name(one.arg, ast.Store()), item) for one in called.args.args)
        origin, function = reading_calls.origin(called, self._function)
        if isinstance(function, FunctionType) and not origin and function.__code__.co_argcount:
            return self._reading.of(function, function.__code__.co_varnames[0], item) == []
        result = reading_calls.of_function(origin, array=False)
        return result is not None and given(result, item).harmless

    def _is_read_in_program(self, call: ast.Call, argument: ast.AST, held: Held, function: FunctionType) -> bool:
        code = function.__code__
        if isinstance(argument, ast.keyword):
            name = argument.arg
        elif argument in call.args and not any(isinstance(one, ast.Starred) for one in call.args):
            position = call.args.index(argument)
            name = code.co_varnames[position] if position < code.co_argcount else None
        else:
            name = None
        if name is None or name not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            return False
        returned = self._reading.of(function, name, held)
        return returned is not None and all(self._is_read(call, one) for one in returned)


def _is_input(call: ast.Call, argument: ast.AST, function: object) -> bool:
    """Whether an array is what a function reads, and not what it writes its result into."""
    if argument not in call.args:
        return not isinstance(argument, ast.Starred)
    position = call.args.index(argument)
    inputs: int = getattr(function, "nin", reading_calls.INPUTS.get(getattr(function, "__name__", ""), 2))
    return position < inputs


def _has_keyword(call: ast.Call, *names: str) -> bool:
    return any(word.arg is None or word.arg in names for word in call.keywords)
