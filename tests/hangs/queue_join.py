import queue
import threading

jobs = queue.Queue()


def work():
    while True:
        job = jobs.get()
        10 / job
        jobs.task_done()


threading.excepthook = lambda args: None
threading.Thread(target=work, name="worker").start()
for n in (1, 0, 2):
    jobs.put(n)
jobs.join()
