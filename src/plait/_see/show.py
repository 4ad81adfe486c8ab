"""``plait.show``: a trace as text, as a page or for Perfetto; and traces read from files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from plait._core.errors import UsageError
from plait._core.trace import Trace
from plait._draw.trace_data import from_file
from plait._draw.trace_page import draw_trace_page
from plait._draw.trace_perfetto import draw_perfetto
from plait._draw.trace_text import draw_text

_FORMS: dict[str, Callable[[Trace], str]] = {
    "text": draw_text,
    "html": draw_trace_page,
    "perfetto": draw_perfetto,
}
SUFFIXES = {".html": "html", ".htm": "html", ".json": "perfetto", ".txt": "text"}


def show(source: Trace | str | os.PathLike[str], to: str = "text") -> str:
    """A trace as text for a terminal, as an HTML page, or as JSON for ui.perfetto.dev.

    Args:
        source: a `Trace`, or a file that ``plait.trace`` wrote: a page, or JSON.
        to: ``"text"``, ``"html"`` or ``"perfetto"``.

    Raises:
        UsageError: `to` is something else, or the file is not a trace of plait's.
        OSError: the file cannot be read.

    >>> import plait
    >>> with plait.trace() as trace:
    ...     pass
    >>> "MainThread" in plait.show(trace)
    True
    """
    if to not in _FORMS:
        raise UsageError(f'to={to!r}: expected "text", "html" or "perfetto"')
    return _FORMS[to](source if isinstance(source, Trace) else load(Path(source)))


def load(path: Path) -> Trace:
    """The trace in a file."""
    try:
        return from_file(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: not a trace of plait's; expected a page or JSON that plait trace wrote") from error


def form_of(path: Path) -> str:
    """What a file with this name is to hold."""
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{str(path)!r}: expected a name that ends in .html, .json (for Perfetto) or .txt")
    return form


def save(trace: Trace, path: Path) -> None:
    """Write the trace in the form that the name of the file asks for."""
    path.write_text(show(trace, form_of(path)), encoding="utf-8")
