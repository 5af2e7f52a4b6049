"""Exercise 7.1 in Python with the usual mistake: the place behind the name is where the last label was read."""
import socket
import sys

QUESTION = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x04test\0\0\x05\0\x01"


def name(message, start):
    labels, at = [], start
    while length := message[at]:
        if length < 64:
            labels.append(message[at + 1:at + 1 + length])
            at += 1 + length
        else:
            at = (length & 63) << 8 | message[at + 1]
    return b".".join(labels), at + 1


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
    sys.stdout.buffer.write(last_target(server.recv(512)))
