"""Exercise 4.1 in Python with the usual mistake: one recv is taken for one frame."""
import socket

with socket.create_server(("127.0.0.1", 0)) as server:
    print("listening on %s:%d" % server.getsockname(), flush=True)
    while True:
        client, _ = server.accept()
        with client:
            while data := client.recv(4096):
                mask, payload = data[2:6], data[6:]
                text = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
                client.sendall(bytes([data[0], len(text)]) + text)
