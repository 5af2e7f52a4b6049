"""Exercise 2.4 in Python with the usual mistake: whatever comes is taken for the answer."""
import socket
import sys

host, _, port = sys.argv[1].rpartition(":")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.settimeout(0.3)
    text = b""
    number = 1
    while True:
        server.sendto(b"%d" % number, (host, int(port)))
        data, _ = server.recvfrom(65_535)
        _, _, part = data.partition(b" ")
        if not part:
            break
        text += part
        number += 1
sys.stdout.buffer.write(text)
