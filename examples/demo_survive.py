"""One of the items crashes its process, one never ends, one raises: what a map on processes makes of it."""

from __future__ import annotations

import os

import plait


def work(item: str) -> str:
    """Stands for code that is not to be trusted."""
    if item == "crash":
        os._exit(7)
    if item == "hang":
        while True:
            pass
    if item == "raise":
        raise ValueError(f"cannot work with {item!r}")
    return item.upper()


def main() -> None:
    """Print how every item ended."""
    items = ["one", "crash", "two", "hang", "three", "raise", "four"]
    stream = plait.map(work, items, engine="process", workers=2, timeout=1.0)
    for outcome in stream.outcomes():
        print(f"{outcome.input:>6}  {outcome.value if outcome.ok else repr(outcome.error)}")
    print()
    print(stream.report)


if __name__ == "__main__":
    main()
