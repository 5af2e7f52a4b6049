"""Exercise 8.1 in Python with the usual mistake: the lines are written as the pages come."""
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPException

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def line(server):
    try:
        with opener.open(f"http://{server}/", timeout=5) as page:
            return b"ok " + page.read() + b"\n"
    except (OSError, HTTPException):
        return b"error\n"


with ThreadPoolExecutor(max_workers=4) as pool:
    for done in as_completed([pool.submit(line, server) for server in sys.argv[1:]]):
        sys.stdout.buffer.write(done.result())
