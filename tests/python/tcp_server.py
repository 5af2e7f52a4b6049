"""Makes the calls of the usual TCP server listing, in its order. Argument: the port, 0 for any."""
import socket
import sys

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("localhost", int(sys.argv[1])))
listener.listen(5)
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)

while True:
    connection, peer = listener.accept()
    received = connection.recv(1024)
    print(received.decode(), flush=True)
    connection.send(b"Hello, Client!")
    connection.close()
