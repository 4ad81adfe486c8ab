"""Votes are counted in threads of an asyncio program."""

import asyncio


class Votes:
    def __init__(self):
        self.counts = {}

    def vote(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1


async def main():
    votes = Votes()
    await asyncio.gather(*(asyncio.to_thread(votes.vote, "ann") for _ in range(2)))
    assert votes.counts == {"ann": 2}, votes.counts


if __name__ == "__main__":
    asyncio.run(main())
