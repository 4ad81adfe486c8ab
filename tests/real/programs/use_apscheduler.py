"""APScheduler: jobs are added to a running scheduler from two threads, run once each, and it shuts down."""

import datetime
import threading

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler


def main():
    ran = []
    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(2)}, timezone=datetime.UTC)
    scheduler.start()

    def add(name):
        scheduler.add_job(ran.append, args=(name,), id=name, misfire_grace_time=None)

    threads = [threading.Thread(target=add, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while len(ran) < 2:
        threading.Event().wait(0.1)
    scheduler.shutdown()
    assert sorted(ran) == ["a", "b"]


if __name__ == "__main__":
    main()
