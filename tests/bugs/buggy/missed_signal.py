"""A worker waits for the starting shot."""

import threading

start = threading.Condition()
finished = []


def run(name):
    with start:
        start.wait()
    finished.append(name)


def main():
    runner = threading.Thread(target=run, args=("ann",))
    runner.start()
    with start:
        start.notify_all()
    runner.join()
    assert finished == ["ann"]


if __name__ == "__main__":
    main()
