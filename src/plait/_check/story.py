"""The whole text of a failed check: what is wrong and why, who goes when, the fix, on which builds, the replay."""

from __future__ import annotations

import re
from typing import NamedTuple

from plait._check.findings import Finding
from plait._check.picture import timeline
from plait._check.reading.source import Sources
from plait._draw.columns import cells, draw_columns, wrap
from plait._draw.page import Chapter, draw_page

_BOLD, _RED, _END = "\x1b[1m", "\x1b[1;31m", "\x1b[0m"
_INDENT = "  "
_SOURCE = re.compile("`[^`]*`")
_LONG = 80  # letters of source in a sentence


class Around(NamedTuple):
    """What is told beside the finding itself: what was run ("14 schedules, …"), and the command that replays it."""

    coverage: str
    replay: str


def tell(finding: Finding, around: Around, sources: Sources, width: int = 80, *, colour: bool = False) -> str:
    """The story as lines of at most `width` cells, except for the replay command, which is never broken."""
    drawn = draw_columns(timeline(finding, sources), width, colour=colour)
    title = "\n".join(_paint(_RED, line, colour) for line in wrap(finding.title, width))
    blocks = [title, "\n".join(wrap(_in_short(finding.why), width))]
    if drawn:
        blocks.append(drawn)
    blocks.append("\n".join(line for word, text in facts(finding, around) for line in _fact(word, text, width, colour)))
    return "\n\n".join(blocks)


def page(told: list[tuple[Finding, Around]], sources: Sources) -> str:
    """The same as one HTML file."""
    chapters = [
        Chapter(
            finding.title,
            (_in_short(finding.why),),
            timeline(finding, sources),
            tuple((word, f"`{text}`" if word == "replay" else text) for word, text in facts(finding, around)),
        )
        for finding, around in told
    ]
    return draw_page(told[0][0].title if told else "plait check", chapters)


def _in_short(sentences: str) -> str:
    """The sentences with the beginning of each long piece of source: more stands in the columns.

    >>> _in_short("`n` reads it before `total += " + "x" * 200 + "` writes `n`").replace("x" * 70, "(70)")
    '`n` reads it before `total += (70)…` writes `n`'
    """
    return _SOURCE.sub(lambda found: found[0] if len(found[0]) <= _LONG + 2 else f"{found[0][:_LONG]}…`", sentences)


def facts(finding: Finding, around: Around) -> list[tuple[str, str]]:
    """What stands under the timeline, as pairs of a word and a text."""
    found = [("fix", finding.fix), ("builds", f"{finding.builds}.")]
    if not finding.confirmed:
        found.append(("seen", "No, predicted from an execution that passed."))
    if finding.elsewhere:
        found.append(("known as", " · ".join(finding.elsewhere)))
    if around.coverage:
        found.append(("checked", around.coverage))
    if around.replay:
        found.append(("replay", around.replay))
    return found


def _fact(word: str, text: str, width: int, colour: bool) -> list[str]:
    head = _INDENT + _paint(_BOLD, word, colour) + " " * (10 - cells(word))
    rest = " " * (10 + len(_INDENT))
    pieces = [text] if word == "replay" else wrap(text, width - len(rest))
    return [(head if at == 0 else rest) + piece for at, piece in enumerate(pieces)]


def _paint(paint: str, text: str, colour: bool) -> str:
    return f"{paint}{text}{_END}" if colour else text
