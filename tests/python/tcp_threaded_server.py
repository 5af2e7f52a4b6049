"""Makes the calls of the usual threaded server listing, in its order. Argument: the port, 0 for any."""
import socket
import sys
import threading


def serve(connection, peer):
    while True:
        received = connection.recv(1024)
        if not received:
            break
        print(received.decode(), flush=True)
        connection.send(received)
    connection.close()


listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("localhost", int(sys.argv[1])))
listener.listen(5)
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)

while True:
    connection, peer = listener.accept()
    worker = threading.Thread(target=serve, args=(connection, peer))
    worker.start()
