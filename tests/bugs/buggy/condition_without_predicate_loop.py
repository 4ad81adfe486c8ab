"""Two players take turns."""

import threading

turn = threading.Condition()
moves = []


def play(name, first):
    with turn:
        if not first:
            turn.wait()
        moves.append(name)
        turn.notify()


def main():
    players = [
        threading.Thread(target=play, args=("white", True)),
        threading.Thread(target=play, args=("black", False)),
    ]
    for player in players:
        player.start()
    for player in players:
        player.join()
    assert moves == ["white", "black"]


if __name__ == "__main__":
    main()
