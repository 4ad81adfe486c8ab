import threading

import plait

barrier = threading.Barrier(2)
never = threading.Event()


def come():
    with plait.scope() as s:
        s.submit(never.wait)


threads = [threading.Thread(target=barrier.wait), threading.Thread(target=come)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
