"""Runs a server on a terminal (a pseudo-terminal), has a client stay, and presses Enter.

usage: echo_terminal.py PROGRAM
"""

import os
import pty
import re
import select
import socket
import subprocess
import sys
import time


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
        port = int(read_until(r"listening on 127\.0\.0\.1:(\d+)\r\nEnter stops it\r\n").group(1))
        stays = socket.create_connection(("127.0.0.1", port), timeout=20)
        stays.sendall(b"stays")
        assert stays.recv(10) == b"stays"
        os.write(ours, b"\n")
        read_until(r"stopping; still connected: 1")
        stays.sendall(b"once more")  # within the grace it is served
        assert stays.recv(10) == b"once more"
        stays.close()
        read_until(r"14 bytes in .*ended by the client")
        read_until(r"ended with an error: \d+")
        assert server.wait(20) == 0, server.returncode
    finally:
        server.kill()
        server.wait()
    sys.stdout.write(text)


main()
