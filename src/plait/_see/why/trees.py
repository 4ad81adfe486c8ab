"""Syntax trees of source files: each is parsed once, and walked once, since a look asks for hundreds of places."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_MOST = 256  # files


@lru_cache(maxsize=_MOST)
def tree_of(file: str) -> ast.Module | None:
    """The syntax tree of a file; None where it has none, or cannot be read."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None


def nodes_of(file: str) -> tuple[ast.AST, ...]:
    """All that a file consists of, what is further out first; nothing where it has no syntax tree."""
    tree = tree_of(file)
    return _walked(tree) if tree is not None else ()


@lru_cache(maxsize=4 * _MOST)
def those_of(file: str, *kinds: type[ast.AST]) -> tuple[Any, ...]:
    """What a file consists of, of these kinds only."""
    return tuple(node for node in nodes_of(file) if isinstance(node, kinds))


def nodes_around(file: str, line: int) -> Iterator[ast.AST]:
    """What the innermost function around a line, or the whole module, consists of, as `within` has it."""
    tree = tree_of(file)
    return within(around(tree, line)) if tree is not None else iter(())


def around(tree: ast.AST, line: int) -> ast.AST:
    """The innermost function around a line, or the whole module."""
    best: ast.AST = tree
    for node in _functions(tree):
        if node.lineno <= line <= (node.end_lineno or 0):
            best = node
    return best


@lru_cache(maxsize=_MOST)
def _functions(tree: ast.AST) -> tuple[Function, ...]:
    """The functions in a tree, what is further out first."""
    return tuple(node for node in _walked(tree) if isinstance(node, Function))


@lru_cache(maxsize=_MOST)
def _walked(tree: ast.AST) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


def within(function: ast.AST) -> Iterator[ast.AST]:
    """What a function or module consists of, without the functions in it."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function):
            waiting += ast.iter_child_nodes(node)
