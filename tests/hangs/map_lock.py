import threading

import plait

lock = threading.Lock()


def need(n):
    with lock:
        return n


lock.acquire()
print(list(plait.map(need, range(3), engine="thread", workers=2)))
