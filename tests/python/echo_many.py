"""Many clients at once on Python's socket module: usage: echo_many.py PORT NUMBER"""

import socket
import sys
import time


def expect(sock, message):
    answer = b""
    while len(answer) < len(message):
        piece = sock.recv(1024)
        assert piece, f"{message!r}: the connection was cut off"
        answer += piece
    assert answer == message, (answer, message)


def main():
    port, number = int(sys.argv[1]), int(sys.argv[2])
    start = time.monotonic()
    socks = []
    for n in range(number):
        # Answered before the next one connects: the queue for new connections is short, and not what is tried here.
        socks.append(socket.create_connection(("127.0.0.1", port), timeout=20))
        socks[n].sendall(b"client %d\n" % n)
        expect(socks[n], b"client %d\n" % n)
    connected = time.monotonic() - start
    for n, sock in enumerate(socks):
        sock.sendall(b"all of us at once, %d\n" % n)
    for n, sock in enumerate(socks):
        expect(sock, b"all of us at once, %d\n" % n)
    for sock in socks:
        sock.shutdown(socket.SHUT_WR)
    for n, sock in enumerate(socks):
        assert sock.recv(1) == b"", n
        sock.close()
    print(f"{number} clients at once, connected in {connected:.3f} s")


main()
