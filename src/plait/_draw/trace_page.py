"""A trace in a browser: one HTML file that needs no network, drawn on a canvas, in the reader's own light or dark."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from plait._core.trace import Trace, length_of
from plait._draw.theme import document, prose
from plait._draw.trace_data import encode


def draw_trace_page(trace: Trace) -> str:
    """The whole file as text: the summary in words, then the picture."""
    findings = "".join(f"<li>{prose(finding)}</li>" for finding in trace.summary)
    missing = "".join(f"<li class=missing>not seen: {prose(text)}</li>" for text in trace.missing)
    page = files("plait._draw").joinpath("trace_page.html").read_text(encoding="utf-8")
    style, _, body = page.removeprefix("<style>\n").partition("</style>\n")
    body = (
        body.replace("@TITLE@", escape(trace.title))
        .replace("@SECONDS@", length_of(trace))
        .replace("@SUMMARY@", findings + missing)
        .replace("@DATA@", encode(trace))
    )
    return document(trace.title, style, body)
