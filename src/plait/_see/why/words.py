"""The answer of ``plait why`` in words: the diagnosis first, then what every thread does."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence

from plait._see.why.diagnosis import judge
from plait._see.why.dump import Dump
from plait._see.why.known import Diagnosis, Step, examine, step
from plait._see.why.quiet import idle

_WIDTH = 79
_SHOWN = 3  # threads that do the same, before the others are counted


def tell(dump: Dump) -> str:
    """All that is known, for people."""
    everybody = examine(dump)
    diagnosis = judge(dump, everybody)
    parts = [_diagnosis(diagnosis) if diagnosis is not None else _nothing(idle(dump, everybody))]
    parts.append(f"all of process {dump.pid}:\n{_rows([step(known) for known in everybody])}")
    ask = diagnosis.processes if diagnosis is not None else ()
    if dump.children and any(known.wait.kind == "child" for known in everybody):
        ask = tuple(dict.fromkeys((*ask, *(child for child, _ in dump.children))))
    if diagnosis is None:
        ask = tuple(dict.fromkeys((*ask, *dump.pythons[:_ASKED])))  # what hangs may be one that it has started
    if ask:
        parts.append("\n".join(f"the other process: plait why {pid}" for pid in ask))
    if dump.missing:
        parts.append(dump.missing)
    return "\n\n".join(parts)


def _nothing(more: str) -> str:
    return f"{NOTHING}\n{textwrap.fill(more, _WIDTH)}".rstrip()


_ASKED = 4  # children
NOTHING = "No wait that cannot end was found: what is waited for may still come."


def _diagnosis(diagnosis: Diagnosis) -> str:
    rows = _rows(diagnosis.steps)
    why = textwrap.fill(diagnosis.why, _WIDTH)
    cure = textwrap.fill(f"cure: {diagnosis.cure}", _WIDTH, subsequent_indent="      ")
    return f"{diagnosis.title}\n\n{rows}\n\n{why}\n\n{cure}"


def _rows(steps: Sequence[Step]) -> str:
    """The steps, those of each thread together; of many threads that do the same, the first few and how many more."""
    width = max((len(one.who) for one in steps), default=0)
    blocks = _blocks(steps)
    alike: dict[tuple[Step, ...], list[str]] = {}
    for block in blocks:
        alike.setdefault(_what(block), []).append(block[0].who)
    rows = []
    seen: Counter[tuple[Step, ...]] = Counter()
    for block in blocks:
        same, at = alike[_what(block)], seen[_what(block)]
        seen[_what(block)] += 1
        if at < _SHOWN or len(same) <= _SHOWN + 1:
            rows += [_row(one, width) for one in block]
        elif at == _SHOWN:
            rows.append(f"  {'...':{width}}  and {len(same) - at} more do the same, the last of them {same[-1]}")
    return "\n".join(rows)


def _blocks(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps of each thread. Threads may have the same name: then they begin again with the same step."""
    blocks: list[list[Step]] = []
    for one in steps:
        if blocks and blocks[-1][0].who == one.who and blocks[-1][0] != one:
            blocks[-1].append(one)
        else:
            blocks.append([one])
    return blocks


def _what(block: list[Step]) -> tuple[Step, ...]:
    """What a thread does, whoever it is."""
    return tuple(one._replace(who="") for one in block)


def _row(one: Step, width: int) -> str:
    place = f" at {one.place}" if one.place else ""
    line = f"\n  {'':{width}}      {one.text}" if one.text else ""
    return f"  {one.who:{width}}  {one.does}{place}{line}"
