"""A function counts the matches in two halves of a list with threads of its own."""

import threading


def count_matches(words, wanted):
    found = 0

    def search(part):
        nonlocal found
        for word in part:
            if word == wanted:
                found += 1

    middle = len(words) // 2
    threads = [threading.Thread(target=search, args=(part,)) for part in (words[:middle], words[middle:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def main():
    assert count_matches(["a", "b", "b", "a"], "a") == 2


if __name__ == "__main__":
    main()
