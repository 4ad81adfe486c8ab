"""A reply is waited for, for a while; a cached one will do."""

import queue
import threading


def answer(replies):
    replies.put("fresh")


def ask():
    replies = queue.Queue()
    server = threading.Thread(target=answer, args=(replies,))
    server.start()
    try:
        reply = replies.get(timeout=0.5)
    except queue.Empty:
        reply = "cached"
    server.join()
    return reply


def main():
    assert ask() in ("fresh", "cached")


if __name__ == "__main__":
    main()
