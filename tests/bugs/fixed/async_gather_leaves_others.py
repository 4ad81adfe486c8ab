"""Orders are placed side by side; that one is rejected is no reason to lose the others."""

import asyncio


class Shop:
    def __init__(self):
        self.placed = []

    async def place(self, number):
        await asyncio.sleep(0)
        if number == 0:
            raise RuntimeError("rejected")
        await asyncio.sleep(1)
        self.placed.append(number)


async def orders(shop):
    ends = await asyncio.gather(*(shop.place(number) for number in range(3)), return_exceptions=True)
    for error in filter(None, ends):
        print("an order was", error)


def main():
    shop = Shop()
    asyncio.run(orders(shop))
    assert sorted(shop.placed) == [1, 2], f"placed: {shop.placed}"


if __name__ == "__main__":
    main()
