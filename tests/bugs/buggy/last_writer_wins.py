"""Options come from a file and from the environment, read by two threads."""

import threading

options = {}


def load(source):
    options["level"] = source


def main():
    sources = [threading.Thread(target=load, args=(source,)) for source in ("file", "environment")]
    for source in sources:
        source.start()
    for source in sources:
        source.join()
    print("level from", options["level"])


if __name__ == "__main__":
    main()
