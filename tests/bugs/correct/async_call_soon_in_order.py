"""Callbacks of a loop note their order."""

import asyncio


class Notes:
    def __init__(self):
        self.names = []

    def note(self, name):
        self.names.append(name)


async def main():
    loop, notes = asyncio.get_running_loop(), Notes()
    loop.call_soon(notes.note, "first")
    loop.call_soon(notes.note, "second")
    await asyncio.sleep(0.1)
    assert notes.names == ["first", "second"]


if __name__ == "__main__":
    asyncio.run(main())
