"""Python's own http.server as a peer for our client. Argument: "files" (this folder's files, HTTP/1.0, as `python3 -m http.server`
serves them) or "echo" (HTTP/1.1: answers in JSON what was asked, redirects, sends chunks)."""
import http.server
import json
import sys
import urllib.parse


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        if path.startswith("/redirect/"):
            self.send_response(int(path.split("/")[2]))
            self.send_header("Location", "/echo?" + query)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"move")
            return
        lines = [
            self.command + " " + path,
            "query " + repr(urllib.parse.parse_qsl(query, keep_blank_values=True)),
            "authorization " + str(self.headers.get("Authorization")),
            "form " + repr(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)),
            "body " + json.dumps(body.decode()),
        ]
        text = "\n".join(lines).encode()
        self.send_response(200)
        if path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(text), 7):
                piece = text[start : start + 7]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer


handler = {"files": Files, "echo": Echo}[sys.argv[1]]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print("listening on 127.0.0.1:%d" % server.server_address[1], flush=True)
server.serve_forever()
