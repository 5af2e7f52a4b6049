"""Exercise 3.1 in Python with the usual mistake: the end of the connection is taken for the end of the body."""
import socket
import sys

host, _, port = sys.argv[1].rpartition(":")
with socket.create_connection((host, int(port)), timeout=1) as connection, connection.makefile("rb") as reader:
    connection.sendall(f"GET /text HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    _head, _, body = reader.read().partition(b"\r\n\r\n")
    sys.stdout.buffer.write(body)
