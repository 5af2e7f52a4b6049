"""Exercise 8.2 in Python: comes back with pauses that grow, until the server is done."""
import os
import socket
import sys
import time


def send(connection, first, payload):
    mask = os.urandom(4)
    under = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
    connection.sendall(bytes([first, 0x80 | len(payload)]) + mask + under)


def listen(server, lines):
    """One connection: its texts, and the code of the server's Close, or None when it was lost."""
    try:
        with socket.create_connection(server, timeout=30) as connection:
            stream = connection.makefile("rb")
            while len(head := stream.read(2)) == 2:
                payload = stream.read(head[1])
                if head[0] == 0x81:
                    lines.append(payload + b"\n")
                elif head[0] == 0x88:
                    send(connection, 0x88, payload)
                    connection.recv(1)
                    return int.from_bytes(payload[:2], "big")
    except OSError:
        pass
    return None


host, _, port = sys.argv[1].rpartition(":")
lines, failed, pause = [], 0, 0.1
while failed < 4:
    before = len(lines)
    code = listen((host, int(port)), lines)
    if code == 1000:
        sys.stdout.buffer.write(b"".join(lines))
        sys.exit()
    if code not in (None, 1001):
        sys.exit(f"error: the server closed with {code}")
    failed += 1
    if len(lines) > before:
        failed, pause = 0, 0.1
    if failed < 4:
        time.sleep(pause)
        pause *= 2
sys.exit("error: four connections in a row brought nothing")
