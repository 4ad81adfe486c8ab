"""A server that reads a request to its end, and its client, over TCP."""

import socket
import threading


def server(listener):
    connection, _ = listener.accept()
    with connection:
        request = b""
        while data := connection.recv(1024):
            request += data
        connection.sendall(request[::-1])


def main():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server, args=(listener,))
        thread.start()
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"abc")
            answer = b""
            while data := client.recv(1024):
                answer += data
        thread.join()
    assert answer == b"cba"


if __name__ == "__main__":
    main()
