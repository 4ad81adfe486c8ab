"""Two peers send each other three messages, then read what they got."""

import queue
import threading


def talk(outgoing, incoming, heard):
    for number in range(3):
        outgoing.put(number)
    for _ in range(3):
        heard.append(incoming.get())


def main():
    left, right = queue.Queue(maxsize=2), queue.Queue(maxsize=2)
    heard_left, heard_right = [], []
    peers = [
        threading.Thread(target=talk, args=(left, right, heard_left)),
        threading.Thread(target=talk, args=(right, left, heard_right)),
    ]
    for peer in peers:
        peer.start()
    for peer in peers:
        peer.join()
    assert heard_left == heard_right == [0, 1, 2]


if __name__ == "__main__":
    main()
