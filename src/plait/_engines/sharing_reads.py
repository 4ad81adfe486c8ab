"""Whether a function only reads a table of the program: a list, dict, set or array that it uses by name. Pure.

It reads the source, as byte code does not say what becomes of a value. What a table is handed to may keep or change it,
so that only what is known to read counts: an element, a test, a loop, and some functions and methods.
"""

from __future__ import annotations

import ast
import builtins
from array import array
from collections import Counter, OrderedDict, deque
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from plait._core.source import Sources
from plait._engines.immutable import is_immutable

_MOST = 50_000  # elements of a table that are looked at,
_MOST_INSIDE = 5_000  # where some of them can be changed themselves,
_MOST_BYTES = 16_000_000  # or of an array
_SEQUENCES = frozenset({list, tuple, set, deque})
_MAPPINGS = frozenset({dict, OrderedDict, Counter})
_FLAT = frozenset({array, bytearray})
_SIMPLE = frozenset({int, float, complex, str, bytes, bool, type(None)})
_METHODS = frozenset(  # that read, and give elements, numbers or something new
    "get keys values items index count copy union intersection difference symmetric_difference isdisjoint issubset "
    "issuperset tobytes tolist sum mean min max dot std var argmax argmin any all round astype shape size ndim dtype "
    "most_common total elements hex decode startswith endswith find".split()
)
_FUNCTIONS = frozenset(
    "len sum min max sorted any all list tuple set frozenset dict enumerate zip map filter iter reversed range "
    "isinstance str repr bool bytes".split()
)
_OF_MODULES = frozenset({
    "bisect.bisect", "bisect.bisect_left", "bisect.bisect_right", "math.fsum", "math.prod", "math.dist", "math.hypot",
    "statistics.mean", "statistics.median", "statistics.stdev", "itertools.chain", "itertools.product",
    "itertools.combinations", "itertools.accumulate", "numpy.dot", "numpy.sum", "numpy.mean", "numpy.max", "numpy.min",
    "numpy.interp", "numpy.searchsorted",
})  # fmt: skip
_DEEP = frozenset({"len", "isinstance", "str", "repr", "bool", "json.dumps", "copy.deepcopy", "pickle.dumps", "keys"})


class Shape(NamedTuple):
    """How many containers deep a table is, and whether it is an array: its methods give something new however deep."""

    depth: int
    array: bool = False

    @property
    def inner(self) -> Shape:
        """That of an element."""
        return self._replace(depth=self.depth - 1)


def shape_of(value: Any) -> Shape | None:
    """The shape of a table, whose innermost elements nobody can change; None for what is no table, or a large one.

    >>> shape_of({"a": 1}), shape_of([[1], [2]]), shape_of([object()]), shape_of(1)
    (Shape(depth=1, array=False), Shape(depth=2, array=False), None, None)
    """
    if type(value).__module__ == "numpy" and type(value).__qualname__ == "ndarray":
        flat = value.ndim > 0 and not value.dtype.hasobject and value.nbytes <= _MOST_BYTES
        return Shape(value.ndim, array=True) if flat else None
    depth, level, count = 0, [value], 0
    while inner := [one for one in level if not is_immutable(one)]:
        elements: list[Any] = []
        for one in inner:
            if type(one) in _MAPPINGS:
                elements += [*one.values(), *one]
            elif type(one) in _SEQUENCES:
                elements += one
            elif type(one) not in _FLAT:
                return None
        depth += 1
        count += len(elements)
        if count > (_MOST if depth == 1 else _MOST_INSIDE):
            return None
        level = [] if _SIMPLE.issuperset(map(type, elements)) else elements
    return Shape(depth) if depth else None


def only_reads(function: FunctionType, name: str, shape: Shape, sources: Sources) -> bool:
    """Whether the function does nothing but read what it calls so, a table of this shape."""
    tree = sources.node_of(function.__code__)
    if tree is None:
        return False
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    usage = _Usage(parents, function)
    return bool(found) and all(isinstance(node.ctx, ast.Load) and usage.is_read(node, shape) for node in found)


class _Usage:
    """What becomes of the values of expressions in a function."""

    def __init__(self, parents: dict[ast.AST, ast.AST], function: FunctionType) -> None:
        self._parents = parents
        self._scope = function.__globals__
        code = function.__code__
        self._locals = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}

    def is_read(self, node: ast.AST, shape: Shape) -> bool:
        """Whether what has this value, a table of this shape, is only read; an innermost element always is."""
        parent = self._parents.get(node)
        match parent:
            case _ if shape.depth <= 0:
                read = True
            case ast.Subscript(value=value) if value is node:
                read = isinstance(parent.ctx, ast.Load) and self.is_read(parent, _element(shape, parent.slice))
            case ast.Compare():
                read = not any(isinstance(each, ast.Is | ast.IsNot) for each in parent.ops)
            case ast.For(iter=value) | ast.comprehension(iter=value):
                read = value is node and shape.depth == 1
            case ast.UnaryOp(op=ast.Not()) | ast.FormattedValue():
                read = True
            case ast.If(test=value) | ast.While(test=value) | ast.IfExp(test=value) | ast.Assert(test=value):
                read = value is node
            case ast.BinOp():
                read = shape.depth == 1 or shape.array
            case ast.Attribute(attr=method):
                read = self._is_read_by(method, parent, shape)
            case ast.Call(func=called):
                read = called is not node and self._is_read_in(called, shape)
            case _:
                read = False
        return read

    def _is_read_by(self, method: str, attribute: ast.AST, shape: Shape) -> bool:
        if shape.depth == 1 or shape.array or method in _DEEP:
            return method in _METHODS
        return method == "get" and self.is_read(self._parents[attribute], shape.inner)

    def _is_read_in(self, called: ast.expr, shape: Shape) -> bool:
        origin = self._origin(called)
        known = origin in _FUNCTIONS or origin in _OF_MODULES or origin in _DEEP
        return known and (shape.depth == 1 or shape.array or origin in _DEEP)

    def _origin(self, called: ast.expr) -> str:
        """What a function is called where it comes from: "len", "bisect.bisect"; "" when nobody can tell."""
        first = called.value if isinstance(called, ast.Attribute) else called
        if not isinstance(first, ast.Name) or first.id in self._locals:
            return ""
        value = self._scope.get(first.id)
        if isinstance(called, ast.Attribute):
            return f"{value.__name__}.{called.attr}" if isinstance(value, ModuleType) else ""
        if value is None:
            return first.id if hasattr(builtins, first.id) and first.id not in self._scope else ""
        name = getattr(value, "__name__", "")
        return f"{getattr(value, '__module__', '')}.{name}".lstrip("_")


def _element(shape: Shape, index: ast.expr) -> Shape:
    """The shape of what an index gives: a part of a list is a new one, that of an array may be a view of it."""
    if not shape.array:
        return shape.inner if shape.depth == 1 or not isinstance(index, ast.Slice) else shape
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    if any(not isinstance(part, ast.Name | ast.Constant | ast.BinOp | ast.Slice) for part in parts):
        return shape
    return shape._replace(depth=shape.depth - sum(not isinstance(part, ast.Slice) for part in parts))
