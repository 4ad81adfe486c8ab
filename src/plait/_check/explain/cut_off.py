"""Says that a task had not ended when something looked for what it was to do, and that nobody waits for its end."""

from __future__ import annotations

import ast

from plait._check.explain.remark import explain_remark
from plait._check.findings import Finding
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import frame_site, innermost
from plait._check.record import Failure, Remark
from plait._check.remarks import CUT_OFF
from plait._core.event import Site


def explain_cut_off(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for an assertion that looks at what such a task would have changed next; None for others."""
    site = frame_site(innermost(failure.stack))
    if site is None or not isinstance(failure.exception, AssertionError | SystemExit):
        return None
    looked = sources.names_on(site.file, site.line)
    for remark in history.record.remarks:
        if remark.kind == CUT_OFF and looked & _left_to_do(remark, sources):
            return explain_remark(history, remark, sources)
    return None


def _left_to_do(remark: Remark, sources: Sources) -> set[str]:
    """The names in what stands behind the line where the task waited, in its function."""
    site: Site | None = remark.site
    function = sources.function(site) if site is not None else None
    if site is None or not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return set()
    found: set[str] = set()
    for line in range(site.line + 1, (function.end_lineno or site.line) + 1):
        found |= sources.names_on(site.file, line)
    return found
