"""One cursor of a database for all threads.

After reports on caches and bots with one cursor of SQLite for all threads.
"""

import sqlite3
import threading


class Scores:
    def __init__(self):
        self.conn = sqlite3.connect(":memory:", check_same_thread=False)
        self.cur = self.conn.cursor()
        self.lock = threading.Lock()
        self.cur.execute("CREATE TABLE t (k TEXT, v INT)")
        self.cur.executemany("INSERT INTO t VALUES (?, ?)", [("a", 1), ("b", 2)])
        self.conn.commit()

    def get(self, key):
        with self.lock:
            cur = self.conn.cursor()
            cur.execute("SELECT v FROM t WHERE k = ?", (key,))
            return cur.fetchone()[0]


def main():
    s, got = Scores(), {}

    def ask(k):
        got[k] = s.get(k)

    ts = [threading.Thread(target=ask, args=(k,)) for k in "ab"]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    s.conn.close()
    assert got == {"a": 1, "b": 2}, got


if __name__ == "__main__":
    main()
