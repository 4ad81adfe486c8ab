"""The timeline of a finding, ready to be drawn: its moments with their source, one row for each line that runs."""

from __future__ import annotations

from plait._check.findings import FAILS, JOINS, Finding, Moment
from plait._check.reading.source import Sources
from plait._draw.timeline import Row, Timeline


def timeline(finding: Finding, sources: Sources) -> Timeline:
    """Lanes for its threads, rows for its moments; what one thread does on one line without a break is one row."""
    names = dict(finding.threads) or {moment.thread: f"thread {moment.thread}" for moment in finding.moments}
    moments = finding.moments
    last = moments[-1:] if moments and _ends(moments) else ()
    shown = sorted({moment.thread for moment in moments[: len(moments) - len(last)]})
    lanes = {number: lane for lane, number in enumerate(shown)}
    rows: list[Row] = []
    before: Moment | None = None
    for moment in moments[: len(moments) - len(last)]:
        if before is not None and _same_line(before, moment):
            rows[-1] = rows[-1]._replace(does=_both(rows[-1].does, moment.does))
        else:
            rows.append(_row(moment, lanes, sources))
        before = moment
    for moment in last:  # how it ends: across the lanes
        lanes[moment.thread] = -1
        row = _row(moment._replace(does=f"in {names[moment.thread]}: {moment.does}", held=()), lanes, sources)
        known = rows and rows[-1].line == row.line and rows[-1].file == row.file
        rows.append(row._replace(line=0, source="") if known else row)
    return Timeline(tuple(names[number] for number in shown), tuple(rows))


def _ends(moments: tuple[Moment, ...]) -> bool:
    """Whether the last moment is how it ends, or is of a thread that only waits for the end of another."""
    alone = sum(one.thread == moments[-1].thread for one in moments) == 1
    joins = moments[-1].does.startswith(JOINS)
    return moments[-1].does.startswith(FAILS) or (alone and joins and len({one.thread for one in moments}) > 2)


def _row(moment: Moment, lanes: dict[int, int], sources: Sources) -> Row:
    site = moment.site
    if site is None:
        return Row(lanes[moment.thread], "", 0, "", moment.does, moment.held)
    source = sources.line(site.file, site.line)
    return Row(lanes[moment.thread], site.file, site.line, source, moment.does, moment.held)


def _same_line(one: Moment, other: Moment) -> bool:
    if one.site is None or other.site is None or one.thread != other.thread or one.held != other.held:
        return False
    return (one.site.file, one.site.line) == (other.site.file, other.site.line)


def _both(one: str, other: str) -> str:
    """Two remarks as one.

    >>> _both("reads self.n", "writes self.n")
    'reads and writes self.n'
    """
    if one == other or not one or not other:
        return one or other
    verb, _, thing = one.partition(" ")
    again, _, rest = other.partition(" ")
    return f"{verb} and {again} {rest}" if thing and rest.startswith(thing) else f"{one}, then {other}"
