# The calls of the usual Python listing of a UDP client, in its order: socket, sendto, recvfrom(1024), decode, close.
# Ours: the port as the argument. No timeout and no connect, as there.
import socket
import sys

client_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client_socket.sendto(b"Hello, Server!", ("localhost", int(sys.argv[1])))
data, address = client_socket.recvfrom(1024)
print(len(data), "bytes:", data.decode(), flush=True)
client_socket.close()
