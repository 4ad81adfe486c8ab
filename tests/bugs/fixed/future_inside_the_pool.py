"""A page is built in the background from parts that are built in the background."""

from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(max_workers=1)


def header(title):
    return f"<h1>{title}</h1>"


def page(title):
    return header(title) + "<p>text</p>"


def main():
    with pool:
        built = pool.submit(page, "hello")
        assert built.result() == "<h1>hello</h1><p>text</p>"


if __name__ == "__main__":
    main()
