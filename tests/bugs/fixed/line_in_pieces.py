"""Two exporters write their lines to one file."""

import io
import threading


class Export:
    def __init__(self):
        self.file = io.StringIO()

    def row(self, number):
        line = f"{number},{number * number};"
        self.file.write(line)


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
