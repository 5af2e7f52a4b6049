"""Exercise 2.2 in Python with the usual mistake: a timeout is for each recv, and not for the whole answer."""
import socket
import sys

host, _, port = sys.argv[1].rpartition(":")
with socket.create_connection((host, int(port)), timeout=1) as connection:
    connection.sendall(b"text\n")
    connection.shutdown(socket.SHUT_WR)
    received = b""
    while len(received) <= 70_000:
        piece = connection.recv(4096)
        if not piece:
            break
        received += piece
first, newline, answer = received.partition(b"\n")
length = int(first)
if not newline or length > 65_536 or len(answer) < length:
    sys.exit("the answer is too long, or cut")
sys.stdout.buffer.write(answer[:length])
