"""What the `requests` package sends and sees, call by call as in the usual listing; printed as JSON for the test."""
import json
import sys

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

base = sys.argv[1]
folder = sys.argv[2]
certificate = sys.argv[3] if len(sys.argv) > 3 else True
seen = {}
plain = requests.Session()
plain.trust_env = False  # no proxy of the environment
plain.verify = certificate


def keep(name, response):
    request = response.request
    body = request.body.encode() if isinstance(request.body, str) else request.body
    if not isinstance(body, bytes):
        body = b""  # none, or a generator, which is used up
    seen[name] = {
        "status": response.status_code,
        "sent": {"headers": dict(request.headers), "url": request.url, "method": request.method},
        "body": body.decode("latin-1"),
        "history": [one.status_code for one in response.history],
        "text": response.text,
        "encoding": response.encoding,
    }
    return response


keep("page", plain.get(base + "/", timeout=5))
keep("get", plain.get(base + "/get", params={"key1": "value1", "key2": ["a b", "你好"]}))
keep("agent", plain.get(base + "/headers", headers={"User-Agent": "Mozilla/5.0"}))
keep("form", plain.post(base + "/post", data={"key1": "value1", "key2": "你 好&"}))
keep("json", plain.post(base + "/post", json={"key": "value", "你": [1, None]}))
with open(folder + "/test.txt", "rb") as file:
    keep("file", plain.post(base + "/post", files={"file": file}))
files = [("a", ("q\"uote;.txt", b"one\r\n")), ("a", ("你好.bin", b"\xff\x00", "application/x-thing"))]
keep("files", plain.post(base + "/upload", files=files, data={"f": ["1", "2"]}))
keep("generator", plain.put(base + "/put", data=(piece for piece in [b"Hello, ", "你好".encode()])))
keep("delete", plain.delete(base + "/delete"))
keep("patch", plain.patch(base + "/patch", data="text"))
keep("head", plain.head(base + "/get"))
keep("options", plain.options(base + "/post"))
keep("gzip", plain.get(base + "/gzip"))
keep("bytes", plain.get(base + "/bytes/1000"))
keep("redirect", plain.get(base + "/redirect/3"))
keep("kept", plain.post(base + "/redirect-to", params={"url": "/anything", "status_code": 307}, data={"k": "v"}))
keep("changed", plain.post(base + "/redirect-to", params={"url": "/anything", "status_code": 302}, data={"k": "v"}))
keep("basic", plain.get(base + "/basic-auth/me/s3:cret", auth=("me", "s3:cret")))
keep("denied", plain.get(base + "/basic-auth/me/s3:cret", auth=("me", "wrong")))
keep("gbk", plain.get(base + "/encoding/gbk"))
keep("big5", plain.get(base + "/encoding/big5"))
keep("stream", plain.get(base + "/stream/3"))

session = requests.Session()
session.trust_env = False
session.verify = certificate
session.cookies.set("name", "value")
keep("by hand", session.get(base + "/cookies"))
keep("by server", session.get(base + "/cookies/set?theirs=1"))
session.mount(base, HTTPAdapter(max_retries=Retry(total=3, backoff_factor=0.01, status_forcelist=[429, 500, 502, 503, 504])))
response = keep("retried", session.get(base + "/flaky?fail=2&key=r"))
seen["retries"] = len(response.raw.retries.history)
keep("retry after", session.get(base + "/flaky?fail=1&key=s&after=0"))
keep("retry after date", session.get(base + "/flaky?fail=1&key=t&after=0&form=date"))


def fails(name, path, **options):
    try:
        plain.get(base + path, **options)
        seen[name] = "nothing noticed"
    except requests.RequestException as error:
        seen[name] = type(error).__name__


fails("silent", "/silent", timeout=0.2)
fails("loop", "/wrong/loop")
fails("cut-chunked", "/wrong/cut-chunked")
fails("to-file", "/wrong/to-file")
json.dump(seen, sys.stdout)
