"""Exercise 4.2 in Python with the usual mistake: it sleeps between the lines, and answers no ping meanwhile."""
import socket
import sys
import time


def frame(first, payload):
    return bytes([first, 0x80 | len(payload), 0, 0, 0, 0]) + payload


host, _, port = sys.argv[1].rpartition(":")
with socket.create_connection((host, int(port)), timeout=1) as connection:
    for line in sys.stdin.read().splitlines():
        connection.sendall(frame(0x81, line.encode()))
        time.sleep(0.1)
    answer = b""
    stream = connection.makefile("rb")
    while head := stream.read(2):
        payload = stream.read(head[1])
        if head[0] == 0x89:
            connection.sendall(frame(0x8A, payload))
        elif head[0] == 0x81:
            answer = payload
        else:
            connection.sendall(frame(0x88, payload))
            break
sys.stdout.buffer.write(answer)
