import threading

SEATS = 3
forks = [threading.Lock() for _ in range(SEATS)]
seated = threading.Barrier(SEATS)


def eat(i):
    with forks[i]:
        seated.wait()
        with forks[(i + 1) % SEATS]:
            pass


threads = [threading.Thread(target=eat, args=(i,), name=f"p{i}") for i in range(SEATS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
