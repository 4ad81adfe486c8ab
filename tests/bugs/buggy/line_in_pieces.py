"""Two exporters write their lines to one file."""

import io
import threading


class Export:
    def __init__(self):
        self.file = io.StringIO()

    def row(self, number):
        self.file.write(str(number))
        self.file.write(",")
        self.file.write(str(number * number))
        self.file.write(";")


def main():
    export = Export()
    writers = [threading.Thread(target=export.row, args=(number,)) for number in (2, 3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    rows = sorted(export.file.getvalue().split(";"))
    assert rows == ["", "2,4", "3,9"], f"rows: {rows}"


if __name__ == "__main__":
    main()
