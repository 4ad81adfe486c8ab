"""What records say of an error: its traceback as text, whatever its class does, and the name of its type."""

from __future__ import annotations

import traceback

from plait._core.notes import text_of

_WITHOUT_MODULE = ("builtins", "__main__", "plait._run.command")  # whose errors everybody knows by their name alone


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


def type_name(kind: type) -> str:
    """The name under which users import it: with its module, but where everybody knows that.

    >>> type_name(OSError), type_name(type_name.__class__)
    ('OSError', 'function')
    """
    return kind.__qualname__ if kind.__module__ in _WITHOUT_MODULE else f"{kind.__module__}.{kind.__qualname__}"
