"""Two functions print 1 to 5 at the same time, with plait and, to compare, with the standard library's threads."""

from __future__ import annotations

import threading
import time

import plait


def print_numbers(name: str, delay: float) -> None:
    """Print 1 to 5, waiting before each."""
    for number in range(1, 6):
        time.sleep(delay)
        print(f"{name}: {number}")


def main() -> None:
    """Start both, wait for both."""
    with plait.scope() as s:
        s.submit(print_numbers, "Thread 1", 0.05)
        s.submit(print_numbers, "Thread 2", 0.08)
    print("All threads finished.")


def main_with_threading() -> None:
    """The same, by hand. If print_numbers raised here, "All threads finished." would be printed all the same."""
    first = threading.Thread(target=print_numbers, args=("Thread 1", 0.05))
    second = threading.Thread(target=print_numbers, args=("Thread 2", 0.08))
    first.start()
    second.start()
    first.join()
    second.join()
    print("All threads finished.")


if __name__ == "__main__":
    main()
