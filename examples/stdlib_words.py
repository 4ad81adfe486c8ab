"""What is in a Python source file: counts for ``make demo``, which maps them over the standard library.

plait map stdlib_words:measure files.txt --engine process --bar
"""

from __future__ import annotations

import ast
import tokenize
from collections import Counter
from typing import Any


def measure(path: str) -> dict[str, Any]:
    """Lines, words, the most frequent name and the longest function of one source file.

    Raises:
        SyntaxError: the file is not Python; the standard library has a few such files, to test its own parser.

    >>> found = measure(ast.__file__)
    >>> found["longest_function"]["lines"] > 10
    True
    """
    with tokenize.open(path) as file:
        text = file.read()
    names: Counter[str] = Counter()
    longest, at = 0, ""
    for node in ast.walk(ast.parse(text, path)):
        if isinstance(node, ast.Name):
            names[node.id] += 1
        elif isinstance(node, ast.Attribute):
            names[node.attr] += 1
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names[node.name] += 1
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > longest:
                longest, at = lines, node.name
    return {
        "file": path,
        "lines": text.count("\n"),
        "words": len(text.split()),
        "distinct_names": len(names),
        "most_used": names.most_common(1)[0][0] if names else None,
        "longest_function": {"name": at, "lines": longest} if at else None,
    }
