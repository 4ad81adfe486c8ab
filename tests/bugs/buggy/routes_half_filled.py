"""Routes that are filled at the first question; a flag keeps the filling from calling itself.

After reports on frameworks of the web: the flag keeps other threads out of it, too.
"""

import threading


class Routes:
    def __init__(self, patterns):
        self.patterns = patterns
        self.names = {}
        self.ready = False
        self.populating = False

    def populate(self):
        if self.ready or self.populating:
            return
        self.populating = True
        for name, path in self.patterns:
            self.names[name] = self.compile(path)
        self.ready = True
        self.populating = False

    def compile(self, path):
        return path.strip("/").split("/")

    def reverse(self, name):
        self.populate()
        return self.names[name]


routes = Routes([("home", "/"), ("user", "/user/name/")])


def main():
    found = []
    threads = [threading.Thread(target=lambda: found.append(routes.reverse("user"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["user", "name"]] * 2


if __name__ == "__main__":
    main()
