"""A document is saved when it is closed."""

import asyncio


class Document:
    def __init__(self):
        self.text = ""
        self.saved = None

    async def save(self):
        await asyncio.sleep(0)
        self.saved = self.text

    async def close(self):
        self.save()


async def main():
    document = Document()
    document.text = "hello"
    await document.close()
    assert document.saved == "hello", "the document was not saved"


if __name__ == "__main__":
    asyncio.run(main())
