"""pykka: an actor counts what two threads tell it, and stops."""

import threading

import pykka


class Counter(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.value = 0

    def on_receive(self, message):
        self.value += message
        return self.value


def main():
    counter = Counter.start()
    threads = [threading.Thread(target=counter.tell, args=(1,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.ask(1, timeout=5) == 3
    counter.stop()
    assert not counter.is_alive()


if __name__ == "__main__":
    main()
