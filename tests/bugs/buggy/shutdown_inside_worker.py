"""A service whose jobs run in a pool; one job is to stop the service."""

from concurrent.futures import ThreadPoolExecutor


class Service:
    def __init__(self):
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.running = True

    def submit(self, job):
        return self.pool.submit(job)

    def stop(self):
        self.running = False
        self.pool.shutdown(wait=True)


def main():
    service = Service()
    stopping = service.submit(service.stop)
    stopping.result()
    assert not service.running


if __name__ == "__main__":
    main()
