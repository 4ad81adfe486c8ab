"""watchdog: an observer is stopped; whoever waits for its events to be done must not wait for ever."""

import threading

from watchdog.observers.api import BaseObserver, EventEmitter


def main():
    observer = BaseObserver(EventEmitter, timeout=0.1)
    observer.start()
    observer.stop()
    observer.join()
    waiting = threading.Thread(target=observer.event_queue.join, daemon=True)
    waiting.start()
    waiting.join(5)
    assert not waiting.is_alive()


if __name__ == "__main__":
    main()
