"""Three threads say the numbers up to three, each the one that is its own."""

import threading


class Speakers:
    def __init__(self, last):
        self.last = last
        self.current = 1
        self.moved = threading.Condition()
        self.said = []

    def speak(self, mine):
        while self.current <= self.last:
            with self.moved:
                while self.current % 4 != mine:
                    self.moved.wait()
                self.said.append(self.current)
                self.current += 1
                self.moved.notify_all()


def main():
    speakers = Speakers(3)
    threads = [threading.Thread(target=speakers.speak, args=(mine,)) for mine in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert speakers.said == [1, 2, 3]


if __name__ == "__main__":
    main()
