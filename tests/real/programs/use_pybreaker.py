"""pybreaker: a breaker that opens after two failures lets no third one through."""

import threading

from pybreaker import CircuitBreaker, CircuitBreakerError


def main():
    breaker = CircuitBreaker(fail_max=2, reset_timeout=60)
    failures = []

    def fail():
        failures.append(1)
        raise OSError

    def call():
        try:
            breaker.call(fail)
        except (OSError, CircuitBreakerError):
            pass

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.current_state == "open"
    assert len(failures) == 2, failures


if __name__ == "__main__":
    main()
