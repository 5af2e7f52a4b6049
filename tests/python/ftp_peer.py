"""FTP from Python, at either end.

ftp_peer.py pyftpdlib FOLDER FAMILY [VERSION CERT KEY]   pyftpdlib serves a folder to lab/secret
ftp_peer.py dummy [tls]                                  the server that CPython tests its ftplib against
ftp_peer.py ftplib PORT FOLDER [CA]                      ftplib talks to a server, with the calls that everybody uses, and says what it got
"""

import ftplib
import io
import os
import socket
import ssl
import sys

LIMIT = 20  # seconds: nothing here takes so long


def pyftpdlib(folder, family, version=None, cert=None, key=None):
    import logging

    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

    logging.disable(logging.CRITICAL)
    handler = FTPHandler
    if version:
        from OpenSSL import SSL

        handler = TLS_FTPHandler
        handler.certfile, handler.keyfile = cert, key
        handler.tls_control_required = handler.tls_data_required = True
        handler.ssl_options |= SSL.OP_NO_TLSv1_3 if version == "1.2" else SSL.OP_NO_TLSv1_2
    handler.authorizer = DummyAuthorizer()
    handler.authorizer.add_user("lab", "secret", folder, perm="elradfmwMT")
    server = FTPServer(("127.0.0.1" if family == "4" else "::1", 0), handler)
    host, port = server.socket.getsockname()[:2]
    print(f"listening on {f'[{host}]' if ':' in host else host}:{port}", flush=True)
    server.serve_forever()


def dummy(tls=None):
    import warnings

    warnings.simplefilter("ignore")  # it stands on modules that are old
    from test import test_ftplib

    if tls:
        # Its certificate has no address, so IPv4 by name; there its EPSV does not work.
        del test_ftplib.DummyFTPHandler.cmd_epsv
        server = test_ftplib.DummyTLS_FTPServer(("127.0.0.1", 0))
    else:
        server = test_ftplib.DummyFTPServer(("::1", 0), af=socket.AF_INET6)
    server.start()
    print(f"listening on {f'[{server.host}]' if ':' in server.host else server.host}:{server.port}", flush=True)
    if tls:
        print(test_ftplib.CAFILE, flush=True)
    server.join()


def there_and_back(ftp, name, data):
    """Uploads, downloads, and gives what the server said."""
    said, back = ftp.storbinary("STOR " + name, io.BytesIO(data)), io.BytesIO()
    ftp.retrbinary("RETR " + name, back.write)
    if back.getvalue() != data:
        sys.exit(f"{name}: {len(data)} bytes came back as {len(back.getvalue())} others")
    return said


def client(port, folder, ca=None):
    os.chdir(folder)
    if ca:
        ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=ca), timeout=LIMIT)
    else:
        ftp = ftplib.FTP(timeout=LIMIT)
    ftp.connect("localhost", int(port))
    ftp.login("username", "password")
    if ca:
        ftp.prot_p()
    ftp.retrlines("LIST")
    with open("local_file.txt", "wb") as file:
        ftp.retrbinary("RETR remote_file.txt", file.write)
    with open("local_file.txt", "rb") as file:
        print(ftp.storbinary("STOR copy of 你好.txt", file))
    print(ftp.nlst())
    print([(name, facts["type"], facts["size"]) for name, facts in ftp.mlsd(facts=["type", "size"])])
    ftp.voidcmd("TYPE I")
    print(ftp.size("remote_file.txt"), ftp.pwd(), ftp.mkd('a "b"'), ftp.cwd('a "b"'), ftp.pwd())
    print(ftp.storlines("STOR text", io.BytesIO(b"one\ntwo\n")))
    ftp.retrlines("RETR text")
    rest = io.BytesIO()
    ftp.retrbinary("RETR text", rest.write, rest=4)
    print(rest.getvalue(), ftp.rename("text", "other"), ftp.delete("other"), ftp.cwd(".."), ftp.rmd('a "b"'))
    big = bytes(range(250)) * 40000
    for name in ["two words", '"quoted"', "it's", "你好"]:
        for size in [0, 1, 65535, 65536, 65537]:
            there_and_back(ftp, name, big[:size])
        ftp.delete(name)
    print(there_and_back(ftp, "big", big))
    ftp.set_pasv(False)
    print(ftp.nlst())
    for command in ["RETR nothing", "RETR ../../etc/passwd"]:
        try:
            ftp.retrbinary(command, print)
        except ftplib.error_perm as error:
            print("refused:", error)
    print(ftp.quit())


{"pyftpdlib": pyftpdlib, "dummy": dummy, "ftplib": client}[sys.argv[1]](*sys.argv[2:])
