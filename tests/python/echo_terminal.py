"""Runs a server on a terminal (a pseudo-terminal), has a client stay, and presses Enter.

usage: echo_terminal.py PROGRAM
"""

import socket
import sys

from terminal import Terminal

with Terminal(sys.argv[1], "127.0.0.1:0") as server:
    port = int(server.read_until(r"listening on 127\.0\.0\.1:(\d+)\r\nEnter stops it\r\n").group(1))
    stays = socket.create_connection(("127.0.0.1", port), timeout=20)
    stays.sendall(b"stays")
    assert stays.recv(10) == b"stays"
    server.press(b"\n")
    server.read_until(r"stopping; still connected: 1")
    stays.sendall(b"once more")  # within the grace it is served
    assert stays.recv(10) == b"once more"
    stays.close()
    server.read_until(r"14 bytes in .*ended by the client")
    server.read_until(r"ended with an error: \d+")
    server.ends_well()
    sys.stdout.write(server.text)
