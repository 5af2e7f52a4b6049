"""Exercise 2.3 in Python: numbers the datagrams of each sender, and never answers an answer."""
import collections
import socket

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.1", 0))
    print("listening on %s:%d" % server.getsockname(), flush=True)
    numbers = collections.Counter()
    while True:
        data, sender = server.recvfrom(65_535)
        if data.startswith(b"="):
            continue
        numbers[sender] += 1
        server.sendto(b"=%d %d" % (numbers[sender], len(data)), sender)
