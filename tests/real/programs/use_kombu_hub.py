"""kombu: threads hand callbacks to a hub while its loop takes those that are ready."""

import threading

from kombu.asynchronous.hub import Hub


def main():
    hub = Hub()
    called = []
    threads = [threading.Thread(target=lambda n=n: hub.call_soon(called.append, n)) for n in range(3)]
    hub.call_later(0.01, lambda: None)
    for thread in threads:
        thread.start()
    next(hub.loop)
    for thread in threads:
        thread.join()
    next(hub.loop)
    next(hub.loop)
    assert sorted(called) == [0, 1, 2], called


if __name__ == "__main__":
    main()
