"""Exercise 8.2 in Python with the usual mistake: it comes back at once, and for ever."""
import socket
import sys

host, _, port = sys.argv[1].rpartition(":")
text = b""
while True:
    try:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            stream = connection.makefile("rb")
            while len(head := stream.read(2)) == 2:
                payload = stream.read(head[1])
                if head[0] == 0x81:
                    text += payload + b"\n"
                elif head[0] == 0x88:
                    connection.sendall(bytes([0x88, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
                    sys.stdout.buffer.write(text)
                    sys.exit()
    except OSError:
        pass
