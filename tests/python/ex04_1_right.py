"""Exercise 4.1 in Python: sends every frame back without its mask."""
import socket
import struct

LIMIT = 1 << 20


def take(stream, count):
    data = stream.read(count)
    if len(data) < count:
        raise EOFError("the client went")
    return data


def echo(connection):
    stream = connection.makefile("rb")
    while True:
        first, second = take(stream, 2)
        if first & 0x70 or not second & 0x80:
            connection.sendall(b"\x88\x02\x03\xea")
            return
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", take(stream, 2))
        elif length == 127:
            (length,) = struct.unpack(">Q", take(stream, 8))
        if length > LIMIT:
            connection.sendall(b"\x88\x02\x03\xf1")
            return
        mask = take(stream, 4)
        payload = take(stream, length)
        key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
        payload = (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")
        if length < 126:
            head = bytes([first, length])
        elif length < 65_536:
            head = struct.pack(">BBH", first, 126, length)
        else:
            head = struct.pack(">BBQ", first, 127, length)
        connection.sendall(head + payload)
        if first & 0x0F == 8:
            return


with socket.create_server(("127.0.0.1", 0)) as server:
    print("listening on %s:%d" % server.getsockname(), flush=True)
    while True:
        client, _ = server.accept()
        with client:
            try:
                echo(client)
            except (OSError, EOFError) as error:
                print("a client failed:", error, flush=True)
