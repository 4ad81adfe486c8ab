"""What stands for a part of an exception that cannot be pickled, such as the open response of an ``HTTPError``."""

from __future__ import annotations

from _pickle import dumps, loads

from plait._core.outcome import brief


class LeftOut:
    """Looks like the part, in print, and has nothing else of it: whoever asks for more is told why.

    >>> str(LeftOut("<response>", "HTTPResponse")), bool(LeftOut("<response>", "HTTPResponse"))
    ('<response>', True)
    """

    def __init__(self, text: str, kind: str) -> None:
        self._text = text
        self._kind = kind

    def __repr__(self) -> str:
        return self._text

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # pickle and copy ask for what a class may have
            raise AttributeError(name)
        raise AttributeError(
            f"{name!r} was asked of a part of an exception that stayed in its worker, since {self._kind} objects "
            "cannot be pickled; take what you need of it in the function, or use threads"
        )


def portable(value: object) -> object:
    """The value, or what stands for it when it cannot be pickled."""
    try:
        loads(dumps(value, 5))
    except Exception:  # whatever its __reduce__ or __setstate__ does
        return LeftOut(brief(value), type(value).__name__)
    return value
