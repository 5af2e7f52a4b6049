"""Exercise 2.1 in Python with the usual mistake: every recv is taken for a line."""
import socket

with socket.create_server(("127.0.0.1", 0)) as server:
    print("listening on %s:%d" % server.getsockname(), flush=True)
    while True:
        client, _ = server.accept()
        with client:
            while data := client.recv(1024):
                client.sendall(b"%d\n" % len(data.removesuffix(b"\n")))
