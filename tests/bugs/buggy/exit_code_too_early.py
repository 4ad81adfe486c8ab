"""A check runs in a thread and says with the exit code whether it passed."""

import sys
import threading


class Check:
    def __init__(self, text):
        self.text = text
        self.status = 1

    def run(self):
        if "teh" not in self.text:
            self.status = 0


def main():
    check = Check("the text")
    thread = threading.Thread(target=check.run)
    thread.start()
    sys.exit(check.status)


if __name__ == "__main__":
    main()
