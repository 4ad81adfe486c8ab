"""Whoever comes first writes down what all have handed in; the others wait until theirs is written."""

import threading


class Journal:
    def __init__(self):
        self.condition = threading.Condition()
        self.pending = []
        self.leading = False
        self.handed_in = self.written = 0
        self.lines = []

    def commit(self, line):
        with self.condition:
            self.pending.append(line)
            self.handed_in += 1
            mine = self.handed_in
            while self.written < mine and self.leading:
                self.condition.wait()
            if self.written >= mine:
                return
            self.leading = True
            batch, self.pending = self.pending, []
            upto = self.handed_in
        self.lines.extend(batch)
        with self.condition:
            self.written = upto
            self.leading = False
            self.condition.notify_all()


def main():
    journal = Journal()

    def work(line):
        journal.commit(line)
        assert line in journal.lines

    threads = [threading.Thread(target=work, args=(line,)) for line in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
