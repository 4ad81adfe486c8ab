"""The traceback of an error as text, whatever the methods of its class do."""

from __future__ import annotations

import traceback

from plait._core.notes import text_of


def traceback_of(error: BaseException) -> str:
    r"""What Python prints of an error that nobody has caught, or the most of it that can be had.

    >>> traceback_of(ValueError("no"))
    'ValueError: no\n'
    """
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # Python asks errors and their causes for more than their text, such as whether they are true
        lines = traceback.format_tb(error.__traceback__)
        begin = ["Traceback (most recent call last):\n"] if lines else []
        return "".join([*begin, *lines, f"{type(error).__qualname__}: {text_of(error)}\n"])
