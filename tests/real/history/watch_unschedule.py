"""watchdog #1261: an event in flight re-adds a watch that unschedule() has removed."""

from watchdog.events import FileModifiedEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, EventEmitter

observer = BaseObserver(EventEmitter, timeout=0.1)
handler = FileSystemEventHandler()
watch = observer.schedule(handler, "/tmp", recursive=False)
observer.start()
observer.event_queue.put((FileModifiedEvent("/tmp/x"), watch))
observer.unschedule(watch)
observer.stop()
observer.join()
assert not observer._handlers, observer._handlers
