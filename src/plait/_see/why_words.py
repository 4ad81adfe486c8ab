"""The answer of ``plait why`` in words: the diagnosis first, then what every thread does."""

from __future__ import annotations

import textwrap

from plait._see.why_diagnosis import judge
from plait._see.why_dump import Dump
from plait._see.why_known import Diagnosis, Step, examine, step

_WIDTH = 88


def tell(dump: Dump) -> str:
    """All that is known, for people."""
    everybody = examine(dump)
    diagnosis = judge(dump, everybody)
    parts = [_diagnosis(diagnosis) if diagnosis is not None else NOTHING]
    width = max((len(known.thread.name) for known in everybody), default=0)
    rows = [_row(step(known), width) for known in everybody]
    parts.append("\n".join([f"all of process {dump.pid}:", *rows]))
    ask = diagnosis.processes if diagnosis is not None else ()
    if dump.children and any(known.wait.kind == "child" for known in everybody):
        ask = tuple(dict.fromkeys((*ask, *(child for child, _ in dump.children))))
    if ask:
        parts.append("\n".join(f"the other process: plait why {pid}" for pid in ask))
    if dump.missing:
        parts.append(dump.missing)
    return "\n\n".join(parts)


NOTHING = "No wait that cannot end was found: what is waited for may still come."


def _diagnosis(diagnosis: Diagnosis) -> str:
    width = max(len(one.who) for one in diagnosis.steps)
    rows = "\n".join(_row(one, width) for one in diagnosis.steps)
    why = textwrap.fill(diagnosis.why, _WIDTH)
    cure = textwrap.fill(f"cure: {diagnosis.cure}", _WIDTH, subsequent_indent="      ")
    return f"{diagnosis.title}\n\n{rows}\n\n{why}\n\n{cure}"


def _row(one: Step, width: int) -> str:
    place = f" at {one.place}" if one.place else ""
    line = f"\n  {'':{width}}      {one.text}" if one.text else ""
    return f"  {one.who:{width}}  {one.does}{place}{line}"
