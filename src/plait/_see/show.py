"""``plait.show``: a trace as text, as a page or for Perfetto; and traces read from files."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from plait._core.errors import UsageError
from plait._core.trace import Trace
from plait._draw.theme import document
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

_UNFINISHED = (
    "nothing has been traced into this file: the program goes on, or it crashed, was killed, called os._exit, became "
    "another program by exec, or the trace was stopped before it was written"
)
_MARKS = {
    "text": f"{_UNFINISHED}\n",
    "html": document("plait trace", "body { margin: 2rem; }", f"<p>{_UNFINISHED}</p>"),
    "perfetto": json.dumps(_UNFINISHED) + "\n",
}


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
    text = path.read_text(encoding="utf-8", errors="replace")  # what is no text is no trace either
    if text in _MARKS.values():
        raise UsageError(f"{path}: {_UNFINISHED}")
    try:
        return from_file(text)
    except ValueError as error:
        raise UsageError(f"{path}: not a trace of plait's; expected a page or JSON that plait trace wrote") from error


def form_of(path: Path) -> str:
    """What a file with this name is to hold."""
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{str(path)!r}: expected a name that ends in .html, .json (for Perfetto) or .txt")
    return form


def reserved(path: Path) -> Path:
    """The whole path of a file that can be written; until `save` does so, it says that there is no trace in it.

    Raises:
        UsageError: it cannot be written, or its name says no form.
    """
    form, whole = form_of(path), Path(os.path.abspath(path))
    if whole.is_dir():
        raise UsageError(f"{str(path)!r} is a folder; expected the name of a file")
    if not whole.parent.is_dir():
        raise UsageError(f"{str(path)!r}: there is no folder {str(whole.parent)!r}; make it first, or name another")
    try:
        if whole.is_file() or not whole.exists():
            whole.write_text(_MARKS[form], encoding="utf-8")
        elif not os.access(whole, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}; name another file") from error
    return whole


def save(trace: Trace, path: Path) -> None:
    """Write the trace in the form that the name of the file asks for; a file that cannot be is not left half."""
    text = show(trace, form_of(path))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        with suppress(OSError):
            if path.is_file():
                path.unlink()
        raise
