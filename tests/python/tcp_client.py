"""Makes the calls of the usual TCP client listing, in its order: no line end, no half-close. Argument: the port."""
import socket
import sys

connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
connection.connect(("localhost", int(sys.argv[1])))
connection.send(b"Hello, Server!")
answer = connection.recv(1024)
print(answer.decode(), flush=True)
connection.close()
