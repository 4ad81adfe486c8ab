"""Seats are booked by tasks of one loop."""

import asyncio


class Hall:
    def __init__(self, seats):
        self.seats = seats
        self.booked = []

    async def book(self, name):
        await asyncio.sleep(0)
        if self.seats > 0:
            self.seats -= 1
            self.booked.append(name)


async def main():
    hall = Hall(seats=1)
    await asyncio.gather(hall.book("ann"), hall.book("bob"))
    assert len(hall.booked) == 1
    assert hall.seats == 0


if __name__ == "__main__":
    asyncio.run(main())
