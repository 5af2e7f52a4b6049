"""Exercise 7.2 in Python with the usual mistake: what is not open is called closed."""
import socket
import sys

for address in sys.argv[1:]:
    host, _, port = address.rpartition(":")
    with socket.socket() as client:
        client.settimeout(0.5)
        word = "open" if client.connect_ex((host, int(port))) == 0 else "closed"
    sys.stdout.buffer.write(word.encode() + b"\n")
