"""Exercise 5 in Python with the usual mistake: the data connection goes where the reply says."""
import re
import socket
import sys

host, _, port = sys.argv[1].rpartition(":")
with socket.create_connection((host, int(port)), timeout=5) as control:
    replies = control.makefile("rb")
    replies.readline()
    for line in (b"USER anonymous", b"TYPE I", b"PASV"):
        control.sendall(line + b"\r\n")
        passive = replies.readline()
    numbers = re.search(rb"\((.*)\)", passive)[1].decode().split(",")
    address = ".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5])
    with socket.create_connection(address, timeout=5) as data:
        control.sendall(b"RETR notes.txt\r\n")
        replies.readline()
        file = data.makefile("rb").read()
    replies.readline()
sys.stdout.buffer.write(file)
