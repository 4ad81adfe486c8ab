"""python-dateutil: threads iterate over one cached rule at the same time."""

import threading
from datetime import datetime

from dateutil.rrule import DAILY, rrule

rule = rrule(DAILY, count=3, dtstart=datetime(2020, 1, 1), cache=True)
got = []
threads = [threading.Thread(target=lambda: got.append(len(list(rule)))) for _ in range(3)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert got == [3, 3, 3]
