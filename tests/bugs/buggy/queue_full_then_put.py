"""Samples are dropped when the queue is full."""

import queue
import threading


class Sampler:
    def __init__(self):
        self.samples = queue.Queue(maxsize=1)

    def sample(self, value):
        if not self.samples.full():
            self.samples.put_nowait(value)


def main():
    sampler = Sampler()
    threads = [threading.Thread(target=sampler.sample, args=(value,)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sampler.samples.qsize() == 1


if __name__ == "__main__":
    main()
