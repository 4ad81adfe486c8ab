"""Two payments arrive at an account at the same time."""

import asyncio


class Account:
    def __init__(self):
        self.balance = 100

    async def check(self, amount):
        await asyncio.sleep(0)
        return amount

    async def pay_in(self, amount):
        checked = await self.check(amount)
        self.balance += checked


async def main():
    account = Account()
    await asyncio.gather(account.pay_in(10), account.pay_in(10))
    assert account.balance == 120, account.balance


if __name__ == "__main__":
    asyncio.run(main())
