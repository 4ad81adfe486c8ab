"""A trace in a terminal: the summary, and rows of letters: what threads, tasks and workers did."""

from __future__ import annotations

from plait._core.trace import WORDS, Lane, State, Trace, length_of
from plait._draw.columns import cells, shortened, wrap
from plait._draw.rows import rows_of

LETTERS = dict(zip(State, " #CGcLQVEJRzfsp-orSB?g", strict=True))
_NAME = 24  # cells, and two fifths of a narrow line


def draw_text(trace: Trace, width: int = 100) -> str:
    """Lines of at most `width` cells: each letter of a row is what the lane did most in that part of the time."""
    lines = [f"{trace.title}: {length_of(trace)}"]
    for finding in trace.summary:
        lines += [("* " if at == 0 else "  ") + piece for at, piece in enumerate(wrap(finding, width - 2))]
    lines.append("")
    rows = rows_of(trace)
    head = min(_NAME, width * 2 // 5, max((cells(row.name) for row in rows), default=0))
    room = max(10, width - head - 2)
    seen: set[State] = set()
    for called, lanes in rows:
        row = _row([trace.lanes[at] for at in lanes], trace.microseconds, room)
        seen |= set(row)
        name = shortened(called, head)
        lines.append((name + " " * (head - cells(name)) + " |" + "".join(LETTERS[state] for state in row)).rstrip())
    lines.append(" " * head + " 0" + length_of(trace).rjust(room - 1))
    keys = ", ".join(f"{LETTERS[state]} {WORDS[state]}" for state in State if state in seen and state)
    lines += ["", *wrap(keys, width)]
    for text in trace.missing:
        lines += wrap(f"not seen: {text}", width)
    return "\n".join(lines) + "\n"


def _row(lanes: list[Lane], end: int, room: int) -> list[State]:
    """What they did most, in each of the parts."""
    shares: list[dict[State, float]] = [{} for _ in range(room)]
    part = max(1.0, end / room)
    for began, ended, state, _ in (one for lane in lanes for one in lane.stretches(end)):
        at = began
        while at < ended:
            cell = min(room - 1, int(at / part))
            until = ended if cell == room - 1 else min(ended, int((cell + 1) * part) + 1)
            shares[cell][state] = shares[cell].get(state, 0.0) + until - at
            at = until
    return [max(share, key=lambda state: share[state]) if share else State.ABSENT for share in shares]
