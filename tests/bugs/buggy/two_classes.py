"""A logger writes to a handler; a handler that closes tells its logger."""

import threading


class Logger:
    def __init__(self):
        self.lock = threading.Lock()
        self.handlers = []

    def log(self, text):
        with self.lock:
            for handler in self.handlers:
                handler.write(text)

    def remove(self, handler):
        with self.lock:
            self.handlers.remove(handler)


class Handler:
    def __init__(self, logger):
        self.lock = threading.Lock()
        self.logger = logger
        self.written = []
        logger.handlers.append(self)

    def write(self, text):
        with self.lock:
            self.written.append(text)

    def close(self):
        with self.lock:
            self.logger.remove(self)


def main():
    logger = Logger()
    handler = Handler(logger)
    writer = threading.Thread(target=logger.log, args=("hello",))
    writer.start()
    handler.close()
    writer.join()
    assert logger.handlers == []


if __name__ == "__main__":
    main()
