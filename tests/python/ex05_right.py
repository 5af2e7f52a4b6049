"""Exercise 5 in Python: fetches a file, with the data connection to the server that it talks to."""
import re
import socket
import sys

host, _, port = sys.argv[1].rpartition(":")
with socket.create_connection((host, int(port)), timeout=5) as control:
    replies = control.makefile("rb")

    def reply(wanted):
        line = replies.readline(512)
        if not line.startswith(wanted):
            sys.exit(f"error: the server said {line!r}")
        return line

    reply(b"2")
    for line in (b"USER anonymous", b"TYPE I", b"PASV"):
        control.sendall(line + b"\r\n")
        passive = reply(b"2")
    inside = re.search(rb"\((\d+(?:,\d+){5})\)", passive)
    numbers = [int(number) for number in inside[1].split(b",")] if inside else []
    if not numbers or max(numbers) > 255:
        sys.exit(f"error: no address in {passive!r}")
    with socket.create_connection((host, numbers[4] * 256 + numbers[5]), timeout=5) as data:
        control.sendall(b"RETR notes.txt\r\n")
        reply(b"1")
        file = b""
        while piece := data.recv(4096):
            file += piece
    reply(b"2")
sys.stdout.buffer.write(file)
