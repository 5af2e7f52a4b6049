"""Exercise 6 in Python: sends what comes on stdin as mail, and lets nothing in it end it."""
import re
import socket
import sys

text = sys.stdin.buffer.read()
lines = re.split(rb"\r\n|\n|\r", text)
if not lines[-1]:
    lines.pop()
block = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"

host, _, port = sys.argv[1].rpartition(":")
with socket.create_connection((host, int(port)), timeout=5) as connection:
    replies = connection.makefile("rb")

    def reply(wanted):
        line = replies.readline(512)
        if not line.startswith(wanted):
            sys.exit(f"error: the server said {line!r}")
        return line.rstrip()

    reply(b"2")
    for line in (b"HELO localhost", b"MAIL FROM:<me@example.com>", b"RCPT TO:<you@example.com>"):
        connection.sendall(line + b"\r\n")
        reply(b"2")
    connection.sendall(b"DATA\r\n")
    reply(b"3")
    connection.sendall(block)
    taken = reply(b"2")
    connection.sendall(b"QUIT\r\n")
sys.stdout.buffer.write(taken)
