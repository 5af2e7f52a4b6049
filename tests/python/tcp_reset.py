"""Sends a few bytes, then a reset instead of a FIN (SO_LINGER with zero seconds). Argument: the port."""
import socket
import struct
import sys

connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
connection.connect(("127.0.0.1", int(sys.argv[1])))
connection.send(b"half a mess")
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
connection.close()
