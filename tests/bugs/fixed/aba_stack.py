"""A stack of free buffers with compare-and-set instead of a lock."""

import threading


class Node:
    def __init__(self, name, next=None):
        self.name = name
        self.next = next


class FreeList:
    def __init__(self):
        self.head = Node("a", Node("b"))
        self.atomic = threading.Lock()

    def compare_and_set(self, expected, new):
        with self.atomic:
            if self.head is not expected:
                return False
            self.head = new
            return True

    def pop(self):
        while True:
            head = self.head
            if head is None or self.compare_and_set(head, head.next):
                return head

    def push(self, node):
        while True:
            new = Node(node.name, self.head)
            if self.compare_and_set(new.next, new):
                return


def main():
    free, kept = FreeList(), []

    def reuse():
        first, second = free.pop(), free.pop()
        kept.append(second)
        if first is not None:
            free.push(first)

    worker = threading.Thread(target=reuse)
    worker.start()
    kept.append(free.pop())
    worker.join()
    kept.append(free.pop())
    names = [node.name for node in kept if node is not None]
    assert len(names) == len(set(names)), f"a buffer was given out twice: {names}"


if __name__ == "__main__":
    main()
