"""What a process was started as, as Linux tells."""

from __future__ import annotations

_SHOWN = 60  # characters


def command_of(pid: int) -> str:
    """The words of its command, cut short; its name where they cannot be read, and "" where nothing can."""
    words = _read(pid, "cmdline").replace("\0", " ").strip()
    return (words if len(words) <= _SHOWN else f"{words[:_SHOWN]}...") or _read(pid, "comm").strip()


def _read(pid: int, what: str) -> str:
    try:
        with open(f"/proc/{pid}/{what}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
