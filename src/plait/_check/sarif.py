"""Findings as SARIF 2.1.0, which code hosts and editors show beside the lines: a thread flow for each thread.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0, 2020; section numbers below are of that document.
"""

from __future__ import annotations

import hashlib
import os.path
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plait._check.findings import KINDS, Finding, Moment
from plait._check.reading.source import Sources
from plait._core.event import Site

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(findings: Sequence[tuple[Finding, str]], sources: Sources, *, root: str, version: str) -> dict[str, Any]:
    """The log as values that `json.dumps` takes.

    Args:
        findings: each with the token that replays it, "" for none.
        sources: for columns and lines.
        root: the folder that paths are relative to; what is elsewhere keeps its full path.
        version: of plait.
    """
    writer = _Writer(sources, root)
    kinds = list(dict.fromkeys(finding.kind for finding, _ in findings))
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "plait", "version": version, "rules": [_rule(kind) for kind in kinds]}},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"SRCROOT": {"uri": Path(root).as_uri().rstrip("/") + "/"}},
                "results": [writer.result(finding, token, kinds.index(finding.kind)) for finding, token in findings],
            }
        ],
    }


def rule_id(kind: str) -> str:
    """The identifier of a kind of finding.

    >>> rule_id("check then act")
    'plait/check-then-act'
    """
    return "plait/" + re.sub(r"[^a-z]+", "-", kind)


def _rule(kind: str) -> dict[str, Any]:
    """A reportingDescriptor (3.49); CWE numbers are tags, in the form that code hosts read."""
    weaknesses = [name.lower() for known in KINDS[kind] for name in re.findall(r"CWE-\d+", known)]
    return {
        "id": rule_id(kind),
        "name": "".join(word.capitalize() for word in re.findall(r"[a-z]+", kind)),
        "shortDescription": {"text": f"{kind[0].upper()}{kind[1:]}."},
        "help": {"text": f"Known elsewhere as: {', '.join(KINDS[kind])}."},
        "properties": {"tags": ["concurrency", *(f"external/cwe/{name}" for name in weaknesses)]},
    }


class _Writer:
    def __init__(self, sources: Sources, root: str) -> None:
        self._sources = sources
        self._root = root

    def result(self, finding: Finding, token: str, rule: int) -> dict[str, Any]:
        """A result (3.27)."""
        places = [side.site for side in finding.sides if side.site is not None]
        first = finding.site
        described = {
            "ruleId": rule_id(finding.kind),
            "ruleIndex": rule,
            "level": "error" if finding.confirmed else "note",
            "message": {"text": f"{finding.title}. {finding.why} {finding.fix} {finding.builds}."},
            "locations": [self._location(first)] if first is not None else [],
            "relatedLocations": [self._location(site, side.does) for side in finding.sides if (site := side.site)],
            "partialFingerprints": {"plaitFinding/v1": self._fingerprint(finding, places)},
            "properties": {"confirmed": finding.confirmed, "gilBuild": finding.gil, "token": token},
        }
        if finding.moments:
            described["codeFlows"] = [{"threadFlows": self._flows(finding)}]
        return described

    def _flows(self, finding: Finding) -> list[dict[str, Any]]:
        """A threadFlow (3.37) for each thread; `executionOrder` says who goes when."""
        names = dict(finding.threads)
        flows = []
        for thread in sorted({moment.thread for moment in finding.moments}):
            steps = [
                self._step(moment, order)
                for order, moment in enumerate(finding.moments, 1)
                if moment.thread == thread and moment.site is not None
            ]
            if steps:
                flows.append({"id": names.get(thread, f"thread {thread}"), "locations": steps})
        return flows

    def _step(self, moment: Moment, order: int) -> dict[str, Any]:
        location = self._location(moment.site, moment.does) if moment.site is not None else {}
        return {"location": location, "executionOrder": order}

    def _location(self, site: Site, text: str = "") -> dict[str, Any]:
        region: dict[str, Any] = {"startLine": max(1, site.line)}
        if site.end_column > site.column and site.line == site.end_line:
            region["startColumn"] = self._sources.column(site) + 1
        source = self._sources.line(site.file, site.line)
        if source:
            region["snippet"] = {"text": source}
        location: dict[str, Any] = {
            "physicalLocation": {"artifactLocation": self._artifact(site.file), "region": region}
        }
        if text:
            location["message"] = {"text": text}
        return location

    def _artifact(self, file: str) -> dict[str, str]:
        path = Path(os.path.abspath(os.path.join(self._root, file)))
        try:
            return {"uri": path.relative_to(self._root).as_posix(), "uriBaseId": "SRCROOT"}
        except ValueError:
            return {"uri": path.as_uri()}

    def _fingerprint(self, finding: Finding, places: Sequence[Site]) -> str:
        """The same after an edit elsewhere in the file: kind, functions and texts, no line numbers."""
        parts = [finding.kind, *(f"{site.function}:{self._sources.line(site.file, site.line)}" for site in places)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
