"""Each time that a lock was taken by its holder, matched with the release that gives it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from plait._core.event import Site


class Taken(NamedTuple):
    """Where it was taken, and whether by a `with` block, which gives it back itself."""

    site: Site | None
    block: bool


def give_back(taken: list[Taken], site: Site | None, *, block: bool) -> None:
    """Takes away the one that a release at the site belongs to; what is left in the end was never given back.

    It is the last one of its kind in the same function, else the last of its kind, else the last one.

    >>> from plait._core.event import Site
    >>> outer, inner = (Site("app.py", line, 0, line, 9, name, "") for line, name in ((1, "outer"), (5, "inner")))
    >>> taken = [Taken(outer, True), Taken(inner, False)]
    >>> give_back(taken, outer, block=True)
    >>> [one.site.line for one in taken]
    [5]
    """
    function = site.function if site is not None else None
    alike = [one for one in taken if one.block is block]
    near = [one for one in alike if (one.site.function if one.site is not None else None) == function]
    last = (near or alike or taken)[-1]
    del taken[max(at for at, one in enumerate(taken) if one is last)]
