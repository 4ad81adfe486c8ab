"""The lengths of two words are computed in threads and printed."""

import threading


def measure(word):
    print(word, len(word))


def main():
    threads = [threading.Thread(target=measure, args=(word,)) for word in ("a", "bb")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
