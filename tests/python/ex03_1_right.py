"""Exercise 3.1 in Python: undoes the chunks of an answer, or fails."""
import socket
import string
import sys

LIMIT = 65_536


def line(reader):
    text = reader.readline(8_192)
    if not text.endswith(b"\r\n"):
        raise ValueError("no whole line")
    return text[:-2].decode()


def ask(host, port):
    with socket.create_connection((host, port), timeout=1) as connection, connection.makefile("rb") as reader:
        connection.sendall(f"GET /text HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        while line(reader):
            pass
        body = b""
        while True:
            digits = line(reader)
            if not digits or not set(digits) <= set(string.hexdigits):
                raise ValueError("no size")
            size = int(digits, 16)
            if len(body) + size > LIMIT:
                raise ValueError("the body is too long")
            chunk = reader.read(size)
            if len(chunk) < size or line(reader):
                raise ValueError("a chunk does not end where its size says")
            if size == 0:
                return body
            body += chunk


host, _, port = sys.argv[1].rpartition(":")
try:
    sys.stdout.buffer.write(ask(host, int(port)))
except (OSError, ValueError) as error:
    sys.exit(f"error: {error}")
