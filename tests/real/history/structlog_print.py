"""structlog: two loggers print into one file; lines stay whole."""

import threading

import structlog


class File:
    def __init__(self):
        self.parts = []

    def write(self, text):
        self.parts.append(text)

    def flush(self):
        pass


file = File()


def log(name):
    structlog.PrintLogger(file).msg(name)


threads = [threading.Thread(target=log, args=(name,)) for name in ("aa", "bb")]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert "".join(file.parts) in ("aa\nbb\n", "bb\naa\n"), file.parts
