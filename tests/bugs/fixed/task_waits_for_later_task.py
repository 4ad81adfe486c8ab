"""Readers wait in a pool until the configuration is loaded, in the same pool."""

import threading
from concurrent.futures import ThreadPoolExecutor

loaded = threading.Event()
config = {}


def read(name):
    loaded.wait()
    return config[name]


def load():
    config.update(host="here", port=80)
    loaded.set()


def main():
    with ThreadPoolExecutor(max_workers=2) as pool:
        pool.submit(load)
        readers = [pool.submit(read, name) for name in ("host", "port")]
        values = [reader.result() for reader in readers]
    assert values == ["here", 80]


if __name__ == "__main__":
    main()
