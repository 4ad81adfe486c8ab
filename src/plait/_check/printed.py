"""Standard output as a program finds it, kept in memory: with a ``buffer`` for bytes, and an encoding."""

from __future__ import annotations

import io


class Printed(io.TextIOWrapper):
    """What is written here as text, or as bytes to its ``buffer``, in the order in which it was written.

    >>> printed = Printed()
    >>> printed.write("one, ") + printed.buffer.write(b"two")
    8
    >>> printed.getvalue()
    'one, two'
    """

    def __init__(self) -> None:
        self._written = _Written()
        super().__init__(self._written, encoding="utf-8", errors="surrogatepass", newline="", write_through=True)

    def getvalue(self) -> str:
        """All of it, also when the program has closed or detached it."""
        return self._written.all().decode("utf-8", "replace")


class _Written(io.BytesIO):
    """Bytes that are there after the end, too."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = b""

    def close(self) -> None:
        if not self.closed:
            self._kept = self.getvalue()
        super().close()

    def all(self) -> bytes:
        return self._kept if self.closed else self.getvalue()
