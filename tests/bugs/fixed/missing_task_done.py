"""Two producers send names to a worker, which skips those that it knows."""

import queue
import threading


def work(names, known):
    while True:
        name = names.get()
        if name not in known:
            known.append(name)
        names.task_done()


def offer(names, known, name):
    if name not in known:
        names.put(name)


def main():
    names, known = queue.Queue(), []
    threading.Thread(target=work, args=(names, known), daemon=True).start()
    producers = [threading.Thread(target=offer, args=(names, known, "a")) for _ in range(2)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()
    names.join()
    assert known == ["a"]


if __name__ == "__main__":
    main()
