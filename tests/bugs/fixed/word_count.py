"""Word counts of two texts, made by two threads in one dict."""

import threading

counts = {}
counts_lock = threading.Lock()


def count_words(text):
    for word in text.split():
        with counts_lock:
            counts[word] = counts.get(word, 0) + 1


def main():
    texts = ["to be", "to do"]
    threads = [threading.Thread(target=count_words, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {"to": 2, "be": 1, "do": 1}, counts


if __name__ == "__main__":
    main()
