import threading

slots = threading.Semaphore(2)


def fetch(n):
    slots.acquire()
    if n % 2:
        return
    slots.release()


for n in range(6):
    t = threading.Thread(target=fetch, args=(n,))
    t.start()
    t.join()
