"""Runs a WebSocket server on a terminal (a pseudo-terminal), has a client stay, and presses Enter.

usage: ws_terminal.py PROGRAM
"""

import os
import pty
import re
import select
import socket
import subprocess
import sys
import time

HANDSHAKE = (b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def frame(opcode, payload):
    mask = b"\x37\xfa\x21\x3d"
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + bytes(b ^ mask[n % 4] for n, b in enumerate(payload))


def main():
    ours, theirs = pty.openpty()
    server = subprocess.Popen([sys.argv[1], "127.0.0.1:0"], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    text = ""
    end = time.monotonic() + 20

    def read_until(pattern):
        nonlocal text
        while True:
            found = re.search(pattern, text)
            if found:
                return found
            ready, _, _ = select.select([ours], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {pattern!r} in time: {text!r}"
            try:
                text += os.read(ours, 4096).decode()
            except OSError:  # Linux says EIO when the other side of the terminal is gone
                found = re.search(pattern, text)
                assert found, f"ended without {pattern!r}: {text!r}"
                return found

    try:
        port = int(read_until(r"^listening on 127\.0\.0\.1:(\d+)\r\n(?s:.)*Enter stops it\r\n").group(1))
        stays = socket.create_connection(("127.0.0.1", port), timeout=20)
        stays.sendall(HANDSHAKE % port)
        heard = stays.makefile("rb")
        assert heard.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        while heard.readline() != b"\r\n":
            pass
        stays.sendall(frame(1, b"stays"))
        assert heard.read(2 + 23) == b"\x81\x17the server heard: stays"
        os.write(ours, b"\n")
        assert heard.read(2 + 18) == b"\x88\x12\x03\xe9the server stops"
        read_until(r"stopping: 1001 to 1;")
        stays.sendall(frame(8, b"\x03\xe9the server stops"))
        assert heard.read() == b"", "the server closes"
        stays.close()
        read_until(r"ended with an error: \d+")
        assert server.wait(20) == 0, server.returncode
    finally:
        server.kill()
        server.wait()
    sys.stdout.write(text)


main()
