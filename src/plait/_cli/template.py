"""Shell command templates with GNU parallel's replacement strings; inputs are quoted for where they stand. Pure."""

from __future__ import annotations

import os
import re
import shlex
from _collections_abc import Callable

_REPLACEMENT = re.compile(r"\{(?:|\.|/|//|/\.|#)\}")
# GNU parallel's for several inputs and columns, its slot and its total, where no word could have them: x{2} is a regex.
_STRANGE = re.compile(r"""(?<![^\s"'=<>|&;(])\{-?\d+(?:\.|/|//|/\.)?\}|\{(?:%|\#\#)\}""")
_FILE_TARGET = re.compile(r".+\.py:[\w.]+")

_PARTS: dict[str, Callable[[str], str]] = {
    "{}": str,
    "{.}": lambda value: os.path.splitext(value)[0],
    "{/}": os.path.basename,
    "{//}": lambda value: os.path.dirname(value) or ".",
    "{/.}": lambda value: os.path.splitext(os.path.basename(value))[0],
}


def is_command(target: str) -> bool:
    """Whether it is a shell command and not the name of a function: it has a blank or a replacement string."""
    if _FILE_TARGET.fullmatch(target) and os.path.isfile(target.rpartition(":")[0]):
        return False
    return bool(_REPLACEMENT.search(target)) or any(letter.isspace() for letter in target.strip())


class CommandTemplate:
    r"""A shell command with places for an input.

    ``{}`` the input · ``{.}`` without its extension · ``{/}`` its last part · ``{//}`` its folder · ``{/.}`` its last
    part without extension · ``{#}`` the number of the job, from 1. Without any of them the input is put at the end.

    An input is always one word and never a part of the command: it is quoted for where it stands, plain, between double
    or single quotes, or inside ``$(...)``.

    >>> CommandTemplate("gzip -c {} > {.}.z").fill("a b.txt", 1)
    "gzip -c 'a b.txt' > 'a b'.z"
    >>> CommandTemplate('echo "<{}>"').fill("$HOME", 1)
    'echo "<\\$HOME>"'

    Raises:
        ValueError: a replacement string between backquotes, where nothing can be quoted safely, or one that only GNU
            parallel has.
    """

    def __init__(self, text: str) -> None:
        if (strange := _STRANGE.search(text)) is not None:
            raise ValueError(
                f"{strange[0]} is not one of the replacement strings, which are {' '.join(_PARTS)} {{#}}; "
                "a command has one item, and takes it apart with printf '%s\\n' {} | { read -r first second; ...; }"
            )
        self.text = text if _REPLACEMENT.search(text) else f"{text} {{}}"
        self._pieces = _pieces(self.text)

    @property
    def is_numbered(self) -> bool:
        """Whether the number of the job is in the command."""
        return any(piece == "{#}" and quote is not None for piece, quote in self._pieces)

    def fill(self, value: str, number: int) -> str:
        """The command for one input."""
        made = []
        for piece, quote in self._pieces:
            if quote is None:
                made.append(piece)
            else:
                made.append(str(number) if piece == "{#}" else quote(_PARTS[piece](value)))
        return "".join(made)


def _pieces(text: str) -> list[tuple[str, Callable[[str], str] | None]]:
    """Literal text, and replacement strings with the way to quote what is put there."""
    pieces: list[tuple[str, Callable[[str], str] | None]] = []
    context = _Context()
    start = 0
    for found in _REPLACEMENT.finditer(text):
        literal = text[start : found.start()]
        context.read(literal)
        pieces.append((literal, None))
        pieces.append((found[0], context.quote))
        start = found.end()
    pieces.append((text[start:], None))
    return pieces


class _Context:
    """Where in a shell command one is: a stack of open quotes and substitutions."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._escaped = False

    def read(self, text: str) -> None:
        """Go on over this text."""
        position = 0
        while position < len(text):
            position += self._step(text, position)

    @property
    def quote(self) -> Callable[[str], str]:
        """How to quote a value here."""
        if "`" in self._open:
            raise ValueError("a replacement string between backquotes cannot be quoted safely; use $(...)")
        inner = self._open[-1] if self._open else ""
        return {"'": _in_single, '"': _in_double}.get(inner, shlex.quote)

    def _step(self, text: str, position: int) -> int:
        letter = text[position]
        inner = self._open[-1] if self._open else ""
        if self._escaped:
            self._escaped = False
        elif inner == "'":
            if letter == "'":
                self._open.pop()
        elif letter == "\\":
            self._escaped = True
        elif letter == inner or (letter == ")" and inner == "("):
            self._open.pop()
        elif text.startswith("$(", position):
            self._open.append("(")
            return 2
        elif letter in '"`' or (letter == "'" and inner != '"') or (letter == "(" and inner != '"'):
            self._open.append(letter)
        return 1


def _in_double(value: str) -> str:
    return re.sub(r'([\\"$`])', r"\\\1", value)


def _in_single(value: str) -> str:
    return value.replace("'", "'\\''")
