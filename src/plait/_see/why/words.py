"""The answer of ``plait why`` in words: the diagnosis first, then what every thread does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from plait._draw.columns import cells, shortened, wrap
from plait._see.why.diagnosis import judge
from plait._see.why.dump import Dump
from plait._see.why.known import Diagnosis, Step, examine, step
from plait._see.why.quiet import idle

_WIDTH = 79
_NAME = 30  # cells of a name beside what it does; the title has the whole
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
    return f"{NOTHING}\n{_filled(more)}".rstrip()


_ASKED = 4  # children
NOTHING = "No wait that cannot end was found: what is waited for may still come."


def _diagnosis(diagnosis: Diagnosis) -> str:
    rows = _rows(diagnosis.steps)
    cure = _filled("cure: ", diagnosis.cure)
    return f"{diagnosis.title}\n\n{rows}\n\n{_filled(diagnosis.why)}\n\n{cure}"


def _filled(*words: str) -> str:
    """The last of the words on lines that begin below the end of those before it."""
    head = "".join(words[:-1])
    return head + ("\n" + " " * cells(head)).join(wrap(words[-1], _WIDTH - cells(head)))


def _rows(steps: Sequence[Step]) -> str:
    """The steps, those of each thread together; of many threads that do the same, the first few and how many more.

    >>> print(_rows([Step("送金", "has a", "", ""), Step("MainThread", "waits for a", "app.py:3", "")]))
      送金        has a
      MainThread  waits for a at app.py:3
    """
    width = max((cells(shortened(one.who, _NAME)) for one in steps), default=0)
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
            rows += [line for one in block for line in _lines(one, width)]
        elif at == _SHOWN:
            rows.append(_row(width, "...", f"and {len(same) - at} more do the same, the last of them {same[-1]}"))
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


def _lines(one: Step, width: int) -> list[str]:
    does = _row(width, one.who, f"{one.does} at {one.place}" if one.place else one.does)
    return [does, _row(width + 4, "", one.text)] if one.text else [does]


def _row(width: int, who: str, does: str) -> str:
    name = shortened(who, _NAME)
    return f"  {name}{' ' * (width - cells(name))}  {does}"
