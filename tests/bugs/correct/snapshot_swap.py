"""A configuration is replaced while it is read."""

import threading


class Config:
    def __init__(self, host, port):
        self.host = host
        self.port = port


class Server:
    def __init__(self):
        self.config = Config("old", 1)

    def reload(self):
        self.config = Config("new", 2)

    def address(self):
        config = self.config
        return config.host, config.port


def main():
    server = Server()
    thread = threading.Thread(target=server.reload)
    thread.start()
    address = server.address()
    thread.join()
    assert address in (("old", 1), ("new", 2))


if __name__ == "__main__":
    main()
