"""A task of a pool is cancelled, if it has not begun."""

from concurrent.futures import ThreadPoolExecutor


def main():
    done = []
    with ThreadPoolExecutor(max_workers=1) as pool:
        first = pool.submit(done.append, "first")
        second = pool.submit(done.append, "second")
        cancelled = second.cancel()
    assert first.done()
    assert done == (["first"] if cancelled else ["first", "second"])


if __name__ == "__main__":
    main()
