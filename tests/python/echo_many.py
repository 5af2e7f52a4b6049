"""Many clients at once on Python's socket module: usage: echo_many.py PORT NUMBER"""

import socket
import sys
import time


def main():
    port, number = int(sys.argv[1]), int(sys.argv[2])
    start = time.monotonic()
    socks = []
    for _ in range(number):
        socks.append(socket.create_connection(("127.0.0.1", port), timeout=20))
    connected = time.monotonic() - start
    for n, sock in enumerate(socks):
        sock.sendall(b"client %d\n" % n)
    for n, sock in enumerate(socks):
        expected = b"client %d\n" % n
        answer = b""
        while len(answer) < len(expected):
            piece = sock.recv(1024)
            assert piece, f"client {n} was cut off"
            answer += piece
        assert answer == expected, (answer, expected)
    for sock in socks:
        sock.shutdown(socket.SHUT_WR)
    for n, sock in enumerate(socks):
        assert sock.recv(1) == b"", n
        sock.close()
    print(f"{number} clients at once, connected in {connected:.3f} s")


main()
