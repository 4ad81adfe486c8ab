"""Three servers are asked, the first answer is used."""

import queue
import threading


def ask(server, answers):
    answers.put(f"answer of {server}")


def main():
    answers = queue.Queue(maxsize=1)
    threads = [threading.Thread(target=ask, args=(server, answers)) for server in range(3)]
    for thread in threads:
        thread.start()
    first = answers.get()
    for thread in threads:
        thread.join()
    assert first.startswith("answer")


if __name__ == "__main__":
    main()
