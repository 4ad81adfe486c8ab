"""What recorders have put in the place of others' functions and classes, and how it goes back."""

from __future__ import annotations

from typing import Any


class Replaced:
    """Attributes that have another value for a while."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, object, object]] = []

    def put(self, owner: Any, name: str, value: object) -> None:
        """Replace one; it may be replaced again."""
        self._originals.append((owner, name, getattr(owner, name), value))
        setattr(owner, name, value)

    def put_back(self) -> None:
        """Give all their first values again, the last one replaced before the others.

        What the program has replaced meanwhile, as gevent does when it patches, stays as the program wants it.
        """
        while self._originals:
            owner, name, original, value = self._originals.pop()
            if vars(owner).get(name, value) is value:
                setattr(owner, name, original)
