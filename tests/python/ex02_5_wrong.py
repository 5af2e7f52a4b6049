"""Exercise 2.5 in Python with the usual mistake: one client after the other."""
import itertools
import socket

numbers = itertools.count(1)
with socket.create_server(("127.0.0.1", 0)) as server:
    print("listening on %s:%d" % server.getsockname(), flush=True)
    while True:
        client, _ = server.accept()
        with client, client.makefile("rb") as lines:
            for line in lines:
                client.sendall(b"%d\n" % next(numbers))
