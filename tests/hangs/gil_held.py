import re
import threading
import time


def match():
    return re.match(r"(a+)+$", "a" * 60 + "b")


threading.Thread(target=match, name="matcher").start()
time.sleep(0.2)
print("never")
