"""loguru #712: a sink that logs."""

import threading

from loguru import logger

seen = []


def sink(message):
    seen.append(message)
    if "low" in message and len(seen) < 5:
        logger.warning("disk is getting full")


logger.remove()
logger.add(sink, catch=True)
threads = [threading.Thread(target=logger.info, args=("low",)), threading.Thread(target=logger.info, args=("ok",))]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert len(seen) >= 2
