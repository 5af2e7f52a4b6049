"""Exercise 9 in Python with the usual mistake: the timeout is that of each read."""
import socket
import threading


def line(client):
    client.settimeout(1.5)
    got = b""
    while len(got) < 100:
        try:
            byte = client.recv(1)
        except TimeoutError:
            return b"late"
        if not byte:
            return b"cut"
        if byte == b"\n":
            return b"ok %d" % len(got)
        got += byte
    return b"long"


def work(client):
    with client:
        try:
            client.sendall(line(client) + b"\n")
        except OSError as error:
            print("a client failed:", error, flush=True)


with socket.create_server(("127.0.0.1", 0)) as server:
    print("listening on %s:%d" % server.getsockname(), flush=True)
    while True:
        client, _ = server.accept()
        threading.Thread(target=work, args=(client,), daemon=True).start()
