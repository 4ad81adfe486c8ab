"""An uploader is busy until the thread that sends has ended."""

import threading


class Uploader:
    def __init__(self):
        self.busy = threading.Lock()

    def upload(self, data):
        self.busy.acquire()
        t = threading.Thread(target=self._send, args=(data,))
        t.start()
        return t

    def _send(self, data):
        if data == "":
            return
        int(data)
        self.busy.release()


def main():
    u = Uploader()
    threads = [u.upload(d) for d in ("", "1")]
    for t in threads:
        t.join()


if __name__ == "__main__":
    main()
