"""Exercise 2.4 in Python: fetches a text in parts, whatever gets lost, comes twice, or comes from a stranger."""
import socket
import sys
import time


def fetch(server, number):
    start = b"%d " % number
    for _ in range(3):
        server.send(b"%d" % number)
        end = time.monotonic() + 0.3
        while (left := end - time.monotonic()) > 0:
            server.settimeout(left)
            try:
                data = server.recv(65_535)
            except TimeoutError:
                break
            if data.startswith(start):
                return data[len(start):]
    raise TimeoutError("three silences")


host, _, port = sys.argv[1].rpartition(":")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.connect((host, int(port)))
    text = b""
    number = 1
    try:
        while part := fetch(server, number):
            text += part
            number += 1
    except OSError as error:
        sys.exit(f"error: {error}")
sys.stdout.buffer.write(text)
