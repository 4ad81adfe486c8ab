import queue
import threading

inbox = queue.Queue()


def read():
    while True:
        item = inbox.get()
        if item is None:
            return


reader = threading.Thread(target=read, name="reader")
reader.start()
inbox.put(1)
reader.join()
