"""kombu #1489: threads hand callbacks to a hub while its loop takes those that are ready."""

import threading

from kombu.asynchronous.hub import Hub

hub = Hub()
done = []
threads = [threading.Thread(target=lambda n=n: hub.call_soon(done.append, n)) for n in range(3)]
loop = hub.loop
hub.call_later(0.01, lambda: None)
for t in threads:
    t.start()
next(loop)
for t in threads:
    t.join()
next(loop)
next(loop)
assert sorted(done) == [0, 1, 2], done
