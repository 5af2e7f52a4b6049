"""Exercise 7.1 in Python: reads names, follows pointers, refuses a circle."""
import socket
import sys

QUESTION = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x04test\0\0\x05\0\x01"


def name(message, start):
    labels, run, at, behind = [], start, start, None
    while length := message[at]:
        if length < 64:
            label = message[at + 1:at + 1 + length]
            if len(label) < length:
                raise ValueError("a label is cut")
            labels.append(label)
            if sum(map(len, labels)) + len(labels) + 1 > 255:
                raise ValueError("the name is too long")
            at += 1 + length
        elif length >= 192:
            to = (length & 63) << 8 | message[at + 1]
            if to >= run:
                raise ValueError("a pointer does not lead back")
            behind = behind or at + 2
            run = at = to
        else:
            raise ValueError("neither a label nor a pointer")
    return b".".join(labels), behind or at + 1


def last_target(message):
    target, at = name(message, 12)
    at += 4
    for _ in range(int.from_bytes(message[6:8], "big")):
        _, behind = name(message, at)
        target, _ = name(message, behind + 10)
        at = behind + 10 + int.from_bytes(message[behind + 8:behind + 10], "big")
    return target


host, _, port = sys.argv[1].rpartition(":")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.settimeout(1)
    server.connect((host, int(port)))
    server.send(QUESTION)
    try:
        sys.stdout.buffer.write(last_target(server.recv(512)))
    except (OSError, ValueError, IndexError) as error:
        sys.exit(f"error: {error}")
