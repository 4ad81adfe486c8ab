"""A settings object that is made when it is first needed."""

import threading


class Settings:
    _instance = None
    _lock = threading.Lock()

    def __init__(self):
        self.values = {}

    @classmethod
    def instance(cls):
        with cls._lock:
            if cls._instance is None:
                cls._instance = Settings()
            return cls._instance


def main():
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(Settings.instance())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] is seen[1], "there are two settings objects"


if __name__ == "__main__":
    main()
