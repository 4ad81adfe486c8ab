import os
import threading
import warnings

warnings.simplefilter("ignore")
lock = threading.Lock()
inside, go = threading.Event(), threading.Event()


def hold():
    with lock:
        inside.set()
        go.wait()


threading.Thread(target=hold, name="holder").start()
inside.wait()
pid = os.fork()
if pid == 0:
    with lock:
        print("child")
    os._exit(0)
go.set()
print(pid, flush=True)
os.waitpid(pid, 0)
