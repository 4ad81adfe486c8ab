import threading


class Account:
    def __init__(self):
        self.lock = threading.Lock()
        self.balance = 10


ready = threading.Barrier(2)


def move(source, target):
    with source.lock:
        ready.wait()
        with target.lock:
            target.balance += 1


a, b = Account(), Account()
one = threading.Thread(target=move, args=(a, b), name="one")
two = threading.Thread(target=move, args=(b, a), name="two")
one.start()
two.start()
one.join()
two.join()
