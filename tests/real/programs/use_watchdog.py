"""watchdog: an observer dispatches the events of an emitter to a handler that is added and removed meanwhile."""

import threading

from watchdog.events import FileCreatedEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, EventEmitter


class Emitter(EventEmitter):
    def queue_events(self, timeout):
        if not getattr(self, "told", False):
            self.told = True
            self.queue_event(FileCreatedEvent("a"))
        self._stopped_event.wait(timeout)


class Handler(FileSystemEventHandler):
    def __init__(self):
        self.seen = threading.Event()

    def on_created(self, event):
        self.seen.set()


def main():
    observer = BaseObserver(Emitter, timeout=1)
    handler = Handler()
    watch = observer.schedule(handler, ".")
    observer.start()
    handler.seen.wait()
    other = threading.Thread(target=observer.add_handler_for_watch, args=(Handler(), watch))
    other.start()
    observer.remove_handler_for_watch(handler, watch)
    other.join()
    observer.stop()
    observer.join()


if __name__ == "__main__":
    main()
