"""Peterson's lock: each says that it wants to go in, and lets the other one go first."""

import threading

wants = [False, False]
turn = 0
inside = 0


def work(me):
    global turn, inside
    other = 1 - me
    for _ in range(2):
        wants[me] = True
        turn = other
        while wants[other] and turn == other:
            pass
        inside += 1
        assert inside == 1
        inside -= 1
        wants[me] = False


def main():
    threads = [threading.Thread(target=work, args=(me,)) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
