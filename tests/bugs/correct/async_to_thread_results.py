"""Blocking work in threads, results gathered in the loop."""

import asyncio


def square(number):
    return number * number


async def main():
    total = 0
    for result in await asyncio.gather(*(asyncio.to_thread(square, number) for number in range(3))):
        total += result
    assert total == 5


if __name__ == "__main__":
    asyncio.run(main())
