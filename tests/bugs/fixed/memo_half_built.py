"""A table of country names, built when first used and kept."""

import threading


class Countries:
    def __init__(self):
        self._names = None

    @property
    def names(self):
        if self._names is None:
            names = {}
            for line in ("de Germany", "fr France"):
                code, name = line.split()
                names[code] = name
            self._names = names
        return self._names


def main():
    countries, found = Countries(), []

    def look_up():
        found.append(countries.names["fr"])

    threads = [threading.Thread(target=look_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["France", "France"], found


if __name__ == "__main__":
    main()
