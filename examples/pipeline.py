"""Producers, a channel, consumers: the channel holds five items, so nobody runs away from anybody, and closing ends it.

The mistake people make: a queue and a marker such as None for the end. One marker too few, and a consumer waits for
ever; a producer that fails before its marker, and the whole program hangs without a word. Here the producers' scope
closes the channel when the last of them has ended, however it ended, and an error anywhere ends everything.
"""

from __future__ import annotations

import plait


def produce(name: str, orders: plait.channel[str]) -> None:
    """Put some orders."""
    for number in range(1, 6):
        orders.put(f"{name}{number}")


def produce_all(orders: plait.channel[str]) -> None:
    """Three producers; when the last one has ended the channel is closed."""
    with orders, plait.scope() as producers:
        for name in "ABC":
            producers.submit(produce, name, orders)


def consume(orders: plait.channel[str], done: list[str]) -> None:
    """Handle orders until the channel is closed and empty."""
    for order in orders:
        done.append(order)


def main() -> None:
    """Three producers and two consumers."""
    orders: plait.channel[str] = plait.channel(5)
    done: list[list[str]] = [[], []]
    with plait.scope() as s:
        s.submit(produce_all, orders)
        for mine in done:
            s.submit(consume, orders, mine)
    handled = sorted(done[0] + done[1])
    print(f"{len(handled)} orders handled, each once: {' '.join(handled)}")


if __name__ == "__main__":
    main()
