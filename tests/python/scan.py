# The calls of the usual Python listing of a port scanner, in its order: socket, settimeout(1), connect_ex, close, and
# "except socket.error: pass". Ours: a host and then first and last port of each range as arguments, and only the number
# is printed.
import socket
import sys


def scan_port(host, port):
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(1)
        result = sock.connect_ex((host, port))
        if result == 0:
            print(port)
        sock.close()
    except socket.error:
        pass


host = sys.argv[1]
for first, last in zip(sys.argv[2::2], sys.argv[3::2]):
    for port in range(int(first), int(last) + 1):
        scan_port(host, port)
