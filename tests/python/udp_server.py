# The calls of the usual Python listing of a UDP server, in its order: socket, bind, recvfrom(1024), decode, sendto.
# Ours: the port as the argument, and the line that tells which port it became.
import socket
import sys

server_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server_socket.bind(("localhost", int(sys.argv[1])))
print("listening on %s:%d" % server_socket.getsockname(), flush=True)

while True:
    data, address = server_socket.recvfrom(1024)
    text = data.decode()
    print(len(data), "bytes:", text[:60], flush=True)
    server_socket.sendto(b"Hello, Client!", address)
