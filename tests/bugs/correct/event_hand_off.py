"""A thread loads the settings; main waits for them."""

import threading


class Settings:
    def __init__(self):
        self.loaded = threading.Event()
        self.values = None

    def load(self):
        self.values = {"port": 80}
        self.loaded.set()


def main():
    settings = Settings()
    threading.Thread(target=settings.load).start()
    settings.loaded.wait()
    settings.values["port"] += 1
    assert settings.values["port"] == 81


if __name__ == "__main__":
    main()
