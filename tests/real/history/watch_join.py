"""watchdog #1159: joining the queue of events hangs after stop()."""

import threading

from watchdog.observers.api import BaseObserver, EventEmitter

observer = BaseObserver(EventEmitter, timeout=0.1)
observer.start()
observer.stop()
observer.join()
done = threading.Thread(target=observer.event_queue.join)
done.start()
done.join(5)
assert not done.is_alive()
