"""Exercise 7.2 in Python: tells open, closed and filtered apart, all at once and in order."""
import socket
import sys
from concurrent.futures import ThreadPoolExecutor


def knock(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=0.5).close()
        return "open"
    except ConnectionRefusedError:
        return "closed"
    except TimeoutError:
        return "filtered"


addresses = sys.argv[1:]
with ThreadPoolExecutor(max_workers=len(addresses) or 1) as pool:
    for word in pool.map(knock, addresses):
        sys.stdout.buffer.write(word.encode() + b"\n")
