"""A server of the standard library for the test's sessions: `files` serves the working folder, `httpbin` the package of that name."""
import http.server
import sys

if sys.argv[1] == "files":
    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = sys.argv[2]

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
else:
    import httpbin
    import werkzeug.serving

    class Handler(werkzeug.serving.WSGIRequestHandler):
        protocol_version = sys.argv[2]

    server = werkzeug.serving.make_server("127.0.0.1", 0, httpbin.app, threaded=True, request_handler=Handler)
print("listening on 127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
