"""The lines that one `with` block has to have around it, so that two places in the source are in it together."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from plait._core.event import Site

_LOOPS = (ast.While, ast.For, ast.AsyncFor)


def block_around(body: Sequence[ast.stmt], first: Site, last: Site) -> range:
    r"""From the first line to the last of the statements that have the two places, which stand in this body.

    None where no block can have them both: in the head of a loop and in its body, or in another order. The `elif` of an
    `if` only goes with the whole of it.

    >>> source = ["def f():", "  if n > limit:", "    log(n)", "    n = 0", "  else:", "    n = n + 1", "  return n"]
    >>> def site(line):
    ...     return Site("f.py", line, 2, line, 5, "f", "")
    >>> block_around(ast.parse("\n".join(source)).body[0].body, site(2), site(4))
    range(2, 7)
    >>> block_around(ast.parse("\n".join(source)).body[0].body, site(3), site(4))
    range(3, 5)
    """
    chosen, numbers = body, _numbers(body, first, last)
    while numbers is not None and numbers[0] == numbers[1]:
        inside = next((one for one in _blocks(chosen[numbers[0]]) if _numbers(one, first, last)), None)
        if inside is None:
            break
        chosen, numbers = inside, _numbers(inside, first, last)
    if numbers is None or numbers[0] > numbers[1]:
        return range(0)
    one, other = chosen[numbers[0]], chosen[numbers[1]]
    if one is other and isinstance(one, _LOOPS):
        return range(0)
    return range(one.lineno, (other.end_lineno or other.lineno) + 1)


def _numbers(body: Sequence[ast.stmt], first: Site, last: Site) -> tuple[int, int] | None:
    """Which statements of a body have the two places; None if not both are in it."""
    found = [
        next((at for at, one in enumerate(body) if one.lineno <= site.line <= (one.end_lineno or one.lineno)), -1)
        for site in (first, last)
    ]
    return (found[0], found[1]) if min(found) >= 0 else None


def _blocks(node: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    """The bodies of a statement; of an `if` with an `elif`, the bodies of both: an `elif` is no statement."""
    for part in (node, *getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(part, name, None)
            if isinstance(node, ast.If) and name == "orelse" and block and _is_elif(node, block[0]):
                yield from _blocks(block[0])
            elif isinstance(block, list) and block:
                yield block


def _is_elif(node: ast.If, other: ast.stmt) -> bool:
    """Whether the first statement behind an `else` is an `elif`: it begins in the column of the `if`."""
    return isinstance(other, ast.If) and other.col_offset == node.col_offset
