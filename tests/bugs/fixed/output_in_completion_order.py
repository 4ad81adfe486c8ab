"""The lengths of two words are computed in threads and printed."""

import threading


def measure(word, lengths):
    lengths[word] = len(word)


def main():
    lengths = {}
    threads = [threading.Thread(target=measure, args=(word, lengths)) for word in ("a", "bb")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for word in sorted(lengths):
        print(word, lengths[word])


if __name__ == "__main__":
    main()
