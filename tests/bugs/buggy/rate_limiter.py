"""A limiter lets one call through and refuses the others."""

import threading


class Limiter:
    def __init__(self, tokens):
        self.tokens = tokens
        self.passed = []

    def call(self, name):
        if self.tokens > 0:
            self.passed.append(name)
            self.tokens -= 1


def main():
    limiter = Limiter(tokens=1)
    callers = [threading.Thread(target=limiter.call, args=(name,)) for name in "ab"]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(limiter.passed) == 1, f"passed: {limiter.passed}"


if __name__ == "__main__":
    main()
