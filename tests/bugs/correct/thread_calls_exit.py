"""A worker ends itself with sys.exit."""

import sys
import threading


def work(results):
    results.append("done")
    sys.exit(3)


def main():
    results = []
    thread = threading.Thread(target=work, args=(results,))
    thread.start()
    thread.join()
    assert results == ["done"]
    sys.exit(0)


if __name__ == "__main__":
    main()
