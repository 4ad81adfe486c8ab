import threading

first, second = threading.Lock(), threading.Lock()
both = threading.Barrier(2)


def take_second():
    with second: pass  # fmt: skip  # noqa: E701


def take_first():
    with first: pass  # fmt: skip  # noqa: E701


def one():
    with first: both.wait(); take_second()  # fmt: skip  # noqa: E701, E702


def two():
    with second: both.wait(); take_first()  # fmt: skip  # noqa: E701, E702


threads = [threading.Thread(target=work, name=work.__name__) for work in (one, two)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
