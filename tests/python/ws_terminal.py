"""Runs a WebSocket server on a terminal (a pseudo-terminal), has a client stay, and presses Enter.

usage: ws_terminal.py PROGRAM
"""

import socket
import sys

from terminal import Terminal

HANDSHAKE = (b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def frame(opcode, payload):
    mask = b"\x37\xfa\x21\x3d"
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + bytes(b ^ mask[n % 4] for n, b in enumerate(payload))


with Terminal(sys.argv[1], "127.0.0.1:0") as server:
    listening = r"^listening on 127\.0\.0\.1:(\d+)\r\na page for your browser: \S+\r\nEnter stops it\r\n"
    port = int(server.read_until(listening).group(1))
    stays = socket.create_connection(("127.0.0.1", port), timeout=20)
    stays.sendall(HANDSHAKE % port)
    heard = stays.makefile("rb")
    assert heard.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
    while heard.readline() != b"\r\n":
        pass
    stays.sendall(frame(1, b"stays"))
    assert heard.read(2 + 23) == b"\x81\x17the server heard: stays"
    server.press(b"\n")
    assert heard.read(2 + 18) == b"\x88\x12\x03\xe9the server stops"
    server.read_until(r"stopping: 1001 to 1;")
    stays.sendall(frame(8, b"\x03\xe9the server stops"))
    assert heard.read() == b"", "the server closes"
    stays.close()
    server.read_until(r"ended with an error: \d+")
    server.ends_well()
    sys.stdout.write(server.text)
