"""Exercise 2.1 in Python: answers every line with its length in bytes."""
import socket

LIMIT = 1_000


def answer(connection):
    line = b""
    while True:
        data = connection.recv(1024)
        line += data
        while b"\n" in line[:LIMIT + 1]:
            head, _, line = line.partition(b"\n")
            connection.sendall(b"%d\n" % len(head))
        if len(line) > LIMIT:
            return
        if not data:
            if line:
                connection.sendall(b"%d\n" % len(line))
            return


with socket.create_server(("127.0.0.1", 0)) as server:
    print("listening on %s:%d" % server.getsockname(), flush=True)
    while True:
        client, _ = server.accept()
        with client:
            try:
                answer(client)
            except OSError as error:
                print("a client failed:", error, flush=True)
