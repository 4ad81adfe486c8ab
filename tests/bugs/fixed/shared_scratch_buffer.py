"""Lines are formatted with a scratch list that is made once."""

import threading


class Formatter:
    def format(self, name, value):
        parts = []
        parts.append(name)
        parts.append(value)
        return "=".join(parts)


def main():
    formatter, lines = Formatter(), []

    def work(name, value):
        lines.append(formatter.format(name, value))

    threads = [threading.Thread(target=work, args=pair) for pair in (("a", "1"), ("b", "2"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lines) == ["a=1", "b=2"], lines


if __name__ == "__main__":
    main()
