"""A service that can be started and stopped from different threads."""

import threading


class Service:
    def __init__(self):
        self.running = False
        self.thread = None

    def start(self):
        self.running = True
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        pass

    def stop(self):
        if self.running:
            self.thread.join()
            self.running = False


def main():
    service = Service()
    starter = threading.Thread(target=service.start)
    starter.start()
    service.stop()
    starter.join()


if __name__ == "__main__":
    main()
