"""Exercise 3.2.1 in Python: fetches a list page by page, up to the 404 that ends it."""
import http.client
import itertools
import sys
import time
import urllib.parse


def fetch(page):
    """Status and text. The time is for all of it: a limit for each read would not end a drip."""
    end = time.monotonic() + 1
    query = urllib.parse.urlencode({"q": "fish & chips", "page": page})
    connection = http.client.HTTPConnection(sys.argv[1], timeout=1)
    connection.connect()
    server = connection.sock
    connection.request("GET", f"/words?{query}", headers={"X-Train": "yes"})
    answer = connection.getresponse()
    body = b""
    while len(body) < answer.length + len(body):
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the second is over")
        server.settimeout(left)
        piece = answer.read1(4096)
        if not piece:
            raise http.client.IncompleteRead(body)
        body += piece
    return answer.status, body.decode(answer.headers.get_content_charset("utf-8"))


words = ""
try:
    for number in itertools.count(1):
        status, text = fetch(number)
        if status == 404:
            break
        if status != 200:
            raise ValueError(f"the server answered {status}")
        words += text
except (OSError, http.client.HTTPException, ValueError) as error:
    sys.exit(f"error: {error}")
sys.stdout.buffer.write(words.encode())
