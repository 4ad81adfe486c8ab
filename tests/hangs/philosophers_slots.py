import threading


class Table:
    def __init__(self):
        self.forks = {seat: threading.Lock() for seat in range(3)}
        self.seated = threading.Barrier(3)


class Philosopher:
    __slots__ = ("seat", "table")

    def __init__(self, seat, table):
        self.seat = seat
        self.table = table

    def eat(self):
        with self.table.forks[self.seat]:
            self.table.seated.wait()
            with self.table.forks[(self.seat + 1) % len(self.table.forks)]:
                pass


table = Table()
threads = [threading.Thread(target=Philosopher(seat, table).eat, name=f"p{seat}") for seat in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
