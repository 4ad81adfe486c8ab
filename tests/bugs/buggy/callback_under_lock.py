"""A sensor calls back a display, which also reads the sensor."""

import threading


class Sensor:
    def __init__(self):
        self.lock = threading.Lock()
        self.value = 0
        self.listeners = []

    def read(self):
        with self.lock:
            return self.value

    def measure(self, value):
        with self.lock:
            self.value = value
            for listener in self.listeners:
                listener(value)


class Display:
    def __init__(self, sensor):
        self.lock = threading.Lock()
        self.sensor = sensor
        self.shown = None
        sensor.listeners.append(self.show)

    def show(self, value):
        with self.lock:
            self.shown = value

    def refresh(self):
        with self.lock:
            self.shown = self.sensor.read()


def main():
    sensor = Sensor()
    display = Display(sensor)
    measuring = threading.Thread(target=sensor.measure, args=(7,))
    measuring.start()
    display.refresh()
    measuring.join()
    assert display.shown in (0, 7)


if __name__ == "__main__":
    main()
