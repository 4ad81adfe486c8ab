"""A linked list with a lock in each node."""

import threading


class Node:
    def __init__(self, value, next=None):
        self.value = value
        self.next = next
        self.lock = threading.Lock()


def add_to_all(head, amount):
    head.lock.acquire()
    node = head
    while True:
        node.value += amount
        following = node.next
        if following is None:
            node.lock.release()
            return
        following.lock.acquire()
        node.lock.release()
        node = following


def main():
    head = Node(1, Node(2))
    threads = [threading.Thread(target=add_to_all, args=(head, 10)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (head.value, head.next.value) == (21, 22)


if __name__ == "__main__":
    main()
