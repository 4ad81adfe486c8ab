"""Two threads read records of three letters from one open file."""

import io
import threading


class Records:
    def __init__(self, file):
        self.file = file

    def seek(self, number):
        self.file.seek(number * 3)

    def read(self, number):
        self.seek(number)
        return self.file.read(3)


def main():
    records = Records(io.StringIO("onetwosix"))
    found = {}

    def fetch(number):
        found[number] = records.read(number)

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {0: "one", 1: "two"}, found


if __name__ == "__main__":
    main()
