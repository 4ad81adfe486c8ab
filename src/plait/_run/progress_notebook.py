"""Progress in a notebook: one output below the cell, updated in place, with a plain text for other front ends."""

from __future__ import annotations

import html
from typing import Any

from plait._run.progress import Progress, last_line, progress_line
from plait._run.report import Report

_PAUSE = 0.5


class NotebookDisplay:
    """Draws through IPython's display messages; needs no widgets."""

    def __init__(self, ipython_display: Any) -> None:
        self._module = ipython_display
        self._handle: Any = None

    def open(self) -> None:
        """The first drawing makes the output."""

    def show(self, progress: Progress) -> float:
        """Update the output."""
        self._put(progress_line(progress), _bar(progress))
        return _PAUSE

    def close(self, progress: Progress, report: Report | None) -> None:
        """Leave the closing line as the output."""
        self._put(last_line(progress, report), "")

    def _put(self, text: str, bar: str) -> None:
        bundle = {"text/plain": text, "text/html": f"<div>{bar}<code>{html.escape(text)}</code></div>"}
        if self._handle is None:
            self._handle = self._module.display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def _bar(progress: Progress) -> str:
    total = f' value="{progress.done}" max="{max(1, progress.total)}"' if progress.total is not None else ""
    return f'<progress{total} style="width: 20em; vertical-align: middle"></progress> '
