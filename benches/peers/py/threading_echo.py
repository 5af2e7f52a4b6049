"""An echo server with one threading.Thread for each connection (socketserver.ThreadingTCPServer).

usage: threading_echo.py PORT      (0: the system chooses; the first line on stdout names the port)
"""
import socket
import socketserver
import sys


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(16384):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 4096

    def get_request(self):
        connection, peer = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, peer

    def handle_error(self, request, client_address):
        """A client that resets its connection is no news."""


with Server(("127.0.0.1", int(sys.argv[1])), Echo) as server:
    print("listening on %s:%d" % server.server_address, flush=True)
    server.serve_forever()
