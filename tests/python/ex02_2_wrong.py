"""Exercise 2.2 in Python with the usual mistake: one recv is taken for the answer."""
import socket
import sys

host, _, port = sys.argv[1].rpartition(":")
with socket.create_connection((host, int(port)), timeout=1) as connection:
    connection.sendall(b"text\n")
    connection.shutdown(socket.SHUT_WR)
    first, _, answer = connection.recv(1024).partition(b"\n")
    sys.stdout.buffer.write(answer)
