"""Lines are formatted in a thread-local buffer."""

import threading

local = threading.local()


def format_pair(name, value):
    if not hasattr(local, "parts"):
        local.parts = []
    local.parts.clear()
    local.parts.append(name)
    local.parts.append(value)
    return "=".join(local.parts)


def main():
    lines = []
    pairs = [("a", "1"), ("b", "2")]
    threads = [threading.Thread(target=lambda pair=pair: lines.append(format_pair(*pair))) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lines) == ["a=1", "b=2"]


if __name__ == "__main__":
    main()
