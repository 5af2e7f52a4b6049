"""Exercise 4.2 in Python: sends line after line, and answers every ping in between."""
import os
import socket
import sys
import time


def send(connection, first, payload):
    mask = os.urandom(4)
    under = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
    connection.sendall(bytes([first, 0x80 | len(payload)]) + mask + under)


def listen(connection, came, end):
    """Reads until a text comes, or until then. A piece of a frame stays in `came`."""
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            piece = connection.recv(4096)
        except TimeoutError:
            return None
        if not piece:
            raise EOFError("the server went")
        came += piece
        while len(came) >= 2 and len(came) >= 2 + came[1]:
            first, payload = came[0], bytes(came[2:2 + came[1]])
            del came[:2 + came[1]]
            if first == 0x89:
                send(connection, 0x8A, payload)
            elif first == 0x81:
                return payload
    return None


host, _, port = sys.argv[1].rpartition(":")
lines = sys.stdin.read().splitlines()
came = bytearray()
with socket.create_connection((host, int(port)), timeout=1) as connection:
    try:
        answer = None
        for number, line in enumerate(lines, 1):
            end = time.monotonic() + (0.1 if number < len(lines) else 1)
            send(connection, 0x81, line.encode())
            answer = listen(connection, came, end)
        if answer is None:
            raise TimeoutError("no answer")
        connection.settimeout(1)
        while len(came) < 4:
            came += connection.recv(4096)
        send(connection, 0x88, bytes(came[2:4]))
        connection.recv(1)
    except (OSError, EOFError) as error:
        sys.exit(f"error: {error}")
sys.stdout.buffer.write(answer)
