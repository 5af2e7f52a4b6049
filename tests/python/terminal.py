"""A program on a terminal (a pseudo-terminal) of its own: what it says there, and keys for it."""

import os
import pty
import re
import select
import subprocess
import time


class Terminal:
    def __init__(self, *command):
        self.ours, theirs = pty.openpty()
        self.program = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.text = ""
        self.end = time.monotonic() + 20

    def read_until(self, pattern):
        while True:
            found = re.search(pattern, self.text)
            if found:
                return found
            ready, _, _ = select.select([self.ours], [], [], max(0, self.end - time.monotonic()))
            assert ready, f"no {pattern!r} in time: {self.text!r}"
            try:
                self.text += os.read(self.ours, 4096).decode()
            except OSError:  # Linux says EIO when the other side of the terminal is gone
                found = re.search(pattern, self.text)
                assert found, f"ended without {pattern!r}: {self.text!r}"
                return found

    def press(self, keys):
        os.write(self.ours, keys)

    def ends_well(self):
        assert self.program.wait(20) == 0, self.program.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.kill()
        self.program.wait()
