"""Python's own TLS at either end, with a missing close_notify shown as the error that it is.

tls_peer.py client PORT CA          sends a million bytes to an echo server and compares what comes back
tls_peer.py server VERSION FOLDER HOW   counts what one client sends, says how much, and ends with a mark or without (cut)
"""

import socket
import ssl
import sys

LIMIT = 20  # seconds: nothing here takes so long


def client(port, ca):
    context = ssl.create_default_context(cafile=ca)
    raw = socket.create_connection(("localhost", port), LIMIT)
    try:
        tls = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
    except ssl.SSLCertVerificationError as error:
        print("refused:", error.verify_message)
        return
    sent = bytes(range(250)) * 4000
    got = bytearray()
    while len(got) < len(sent):
        tls.sendall(sent[len(got) : len(got) + 10_000])
        want = min(len(sent), len(got) + 10_000)
        while len(got) < want:
            got += tls.recv(65536)
    version = tls.version()
    same = "same" if got == sent else "different"
    tls.unwrap()  # sends our close_notify and waits for theirs
    print(version, len(got), f"{same}, then a marked end")


def server(version, folder, how):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    print("listening on", listener.getsockname()[1], flush=True)
    listener.settimeout(LIMIT)
    raw, _ = listener.accept()
    raw.settimeout(LIMIT)
    tls = context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
    count = 0
    try:
        while data := tls.recv(65536):
            count += len(data)
        end = "they ended with a mark"
    except ssl.SSLEOFError:
        end = "they were cut off"
    tls.sendall(f"{count} bytes".encode())
    if how == "marked":
        tls.unwrap()
    tls.close()
    print(end, flush=True)


if sys.argv[1] == "client":
    client(int(sys.argv[2]), sys.argv[3])
else:
    server(*sys.argv[2:])
