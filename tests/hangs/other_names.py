import threading

ready = threading.Barrier(2)


class Account:
    def __init__(self, lock):
        self.lock = lock


def first(guard, account):
    with guard:
        ready.wait()
        with account.lock:
            pass


def second(account, key):
    with account.lock:
        ready.wait()
        with key:
            pass


one, two = threading.Lock(), threading.Lock()
account = Account(two)
threading.Thread(target=first, args=(one, account), name="one").start()
threading.Thread(target=second, args=(account, one), name="two").start()
