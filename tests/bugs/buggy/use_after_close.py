"""A thread writes a record while the program shuts down."""

import threading


class Store:
    def __init__(self):
        self.records = []
        self.closed = False

    def write(self, record):
        if self.closed:
            raise ValueError("the store is closed")
        self.records.append(record)

    def close(self):
        self.closed = True


def main():
    store = Store()
    writer = threading.Thread(target=store.write, args=("record",))
    writer.start()
    store.close()
    writer.join()
    assert store.records == ["record"]


if __name__ == "__main__":
    main()
