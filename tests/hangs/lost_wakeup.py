import threading


class Gate:
    def __init__(self):
        self.changed = threading.Condition()
        self.open = False

    def release(self):
        with self.changed:
            self.changed.notify_all()

    def enter(self):
        with self.changed:
            self.changed.wait()


gate = Gate()
gate.release()
worker = threading.Thread(target=gate.enter, name="visitor")
worker.start()
worker.join()
