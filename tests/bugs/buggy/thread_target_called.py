"""Pages are fetched side by side, it seems: each by a thread of its own."""

import threading


def fetch(url, pages):
    pages[url] = f"<h1>{url}</h1>"


def main():
    pages = {}
    threads = []
    for url in ("/", "/about"):
        thread = threading.Thread(target=fetch(url, pages))
        threads.append(thread)
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pages) == 2, f"pages: {pages}"


if __name__ == "__main__":
    main()
