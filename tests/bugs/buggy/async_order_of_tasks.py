"""One task loads the settings, another one uses them."""

import asyncio

settings = {}


async def load():
    await asyncio.sleep(0)
    settings["host"] = "here"


async def connect():
    return "connected to " + settings["host"]


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(load())
        connecting = group.create_task(connect())
    assert connecting.result() == "connected to here"


if __name__ == "__main__":
    asyncio.run(main())
