"""The user of a request in a context variable, in threads."""

import contextvars
import threading

user = contextvars.ContextVar("user", default="nobody")
served = []


def greet():
    return f"hello {user.get()}"


def serve(name):
    user.set(name)
    served.append((name, greet()))


def main():
    threads = [threading.Thread(target=serve, args=(name,)) for name in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(served) == [("ann", "hello ann"), ("bob", "hello bob")]
    assert user.get() in ("nobody", "main")


if __name__ == "__main__":
    main()
