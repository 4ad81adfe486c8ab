"""What the type of an error is called in records: by the name under which users import it."""

from __future__ import annotations

_PUBLIC = {"builtins": "", "__main__": "", "plait._run.command": ""}


def type_name(kind: type) -> str:
    """Module and qualified name, without the module where everybody knows it.

    >>> type_name(OSError), type_name(type_name.__class__)
    ('OSError', 'function')
    """
    return _PUBLIC.get(kind.__module__, f"{kind.__module__}.") + kind.__qualname__
