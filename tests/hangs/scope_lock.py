import threading

import plait

lock = threading.Lock()


def need():
    with lock:
        return 1


with lock:
    with plait.scope() as s:
        s.submit(need)
