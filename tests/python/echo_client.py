"""An echo client on Python's socket module, which knows nothing of this package.

usage: echo_client.py PORT WAY

whole       100 kB of random bytes, read back, then closed
half_close  the same; the writing side is shut before the first byte is read
bytes       1,000 segments of one byte
narrow      a receive buffer of 2 KiB, so that the server can write only a little at a time
reset       SO_LINGER 0: the close sends a reset
"""

import os
import socket
import struct
import sys
import threading


def read_all(sock, length):
    data = bytearray()
    while len(data) < length:
        piece = sock.recv(65536)
        if not piece:
            break
        data += piece
    return bytes(data)


def main():
    port, way = int(sys.argv[1]), sys.argv[2]
    data = os.urandom(100_000)
    sock = socket.socket()
    if way == "narrow":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.settimeout(20)
    sock.connect(("127.0.0.1", port))
    if way == "half_close":
        # What fits nowhere on the way waits in sendall, so somebody must read: but only after the end was sent.
        sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        sender.join(20)
        assert not sender.is_alive(), "100 kB did not fit into the buffers on the way"
    elif way == "bytes":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = data[:1000]
        for n in range(len(data)):
            sock.sendall(data[n : n + 1])
    elif way == "reset":
        sock.sendall(data[:10])
        assert read_all(sock, 10) == data[:10]
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        print("ok")
        return
    else:
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
    answer = read_all(sock, len(data))
    assert answer == data, f"{len(answer)} bytes came back of {len(data)}"
    if way == "half_close":
        assert sock.recv(1) == b"", "the server ends its side, too"
    sock.close()
    print("ok")


main()
