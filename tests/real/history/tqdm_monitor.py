"""tqdm: bars in threads, each of which may be the last and end the monitor."""

import io
import threading

from tqdm import tqdm


def work():
    for _ in tqdm(range(2), file=io.StringIO()):
        pass


threads = [threading.Thread(target=work) for _ in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert not tqdm._instances
