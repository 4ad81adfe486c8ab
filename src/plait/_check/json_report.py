"""Findings as JSON for programs: everything the story says, and nothing to parse out of sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plait._check.findings import Finding, Moment, Side
from plait._check.reading.source import Sources
from plait._check.record import Frame
from plait._core.event import Site

VERSION = 1


def json_report(
    findings: Sequence[tuple[Finding, str]], verdict: str, coverage: Mapping[str, Any], sources: Sources
) -> dict[str, Any]:
    """The report as values that `json.dumps` takes.

    Args:
        findings: each with the token that replays it, "" for none.
        verdict: ``failed``, ``passed``, ``proved``, ``inconclusive`` or ``not checked``.
        coverage: what was run, by name.
        sources: for the lines of source.
    """
    return {
        "version": VERSION,
        "verdict": verdict,
        "coverage": dict(coverage),
        "findings": [_finding(finding, token, sources) for finding, token in findings],
    }


def _finding(finding: Finding, token: str, sources: Sources) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "title": finding.title,
        "why": finding.why,
        "fix": finding.fix,
        "confirmed": finding.confirmed,
        "recognised": finding.certain,
        "gil_build": finding.gil,
        "builds": finding.builds,
        "known_as": list(finding.elsewhere),
        "token": token or None,
        "threads": [{"number": number, "name": name} for number, name in finding.threads],
        "sides": [_side(side) for side in finding.sides],
        "timeline": [_moment(moment, sources) for moment in finding.moments],
    }


def _side(side: Side) -> dict[str, Any]:
    stack = [_frame(frame) for frame in side.stack]
    return {"thread": side.thread, "name": side.name, "does": side.does, **_place(side.site), "stack": stack}


def _moment(moment: Moment, sources: Sources) -> dict[str, Any]:
    site = moment.site
    return {
        "thread": moment.thread,
        "does": moment.does,
        "holds": list(moment.held),
        **_place(site),
        "source": sources.line(site.file, site.line) if site is not None else None,
    }


def _place(site: Site | None) -> dict[str, Any]:
    if site is None:
        return {"file": None, "line": None, "function": None}
    return {"file": site.file, "line": site.line, "function": site.function}


def _frame(frame: Frame) -> dict[str, Any]:
    return {"file": frame.file, "line": frame.line, "function": frame.function}
