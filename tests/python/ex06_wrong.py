"""Exercise 6 in Python with the usual mistake: replies are read, but nobody looks at what they say."""
import socket
import sys

text = sys.stdin.read()
host, _, port = sys.argv[1].rpartition(":")
with socket.create_connection((host, int(port)), timeout=5) as connection:
    replies = connection.makefile("rb")
    replies.readline()
    for line in ("HELO localhost", "MAIL FROM:<me@example.com>", "RCPT TO:<you@example.com>", "DATA", text + ".", "QUIT"):
        connection.sendall(line.encode() + b"\r\n")
        last = replies.readline()
sys.stdout.buffer.write(last.rstrip())
