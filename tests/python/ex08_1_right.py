"""Exercise 8.1 in Python: fetches many pages, four at once, in order and with the errors apart."""
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def line(server):
    try:
        with opener.open(f"http://{server}/", timeout=5) as page:
            return b"ok " + page.read() + b"\n"
    except (OSError, HTTPException):
        return b"error\n"


with ThreadPoolExecutor(max_workers=4) as pool:
    for text in pool.map(line, sys.argv[1:]):
        sys.stdout.buffer.write(text)
