"""An endless input, results as they complete, and a consumer that leaves when it has seen enough."""

from __future__ import annotations

import itertools
import time

import plait


def wait(n: int) -> int:
    """Stands for a request; every fifth one is slow."""
    time.sleep(0.02 if n % 5 else 0.1)
    return n


def main() -> None:
    """Print the first twenty results and what it took."""
    with plait.map(wait, itertools.count(), engine="thread", workers=8, order="completion") as stream:
        print(*itertools.islice(stream, 20))
    print(stream.report)


if __name__ == "__main__":
    main()
