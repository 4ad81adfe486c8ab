"""A slow answer is given up and a default is used."""

import asyncio


async def slow():
    await asyncio.sleep(5)
    return "answer"


async def main():
    try:
        answer = await asyncio.wait_for(slow(), timeout=0.1)
    except TimeoutError:
        answer = "default"
    assert answer in ("answer", "default")


if __name__ == "__main__":
    asyncio.run(main())
