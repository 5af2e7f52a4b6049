"""The calls of the usual listing with `requests`, and what urllib3 says of pauses; the test makes the same calls with ours."""
import json
import sys

import requests
from urllib3.util.retry import Retry

base, folder = sys.argv[1], sys.argv[2]
session = requests.Session()
session.trust_env = False  # no proxy of the environment
session.headers["X-Course"] = "netprimer"

session.get(base + "/get", params={"key1": "value1", "key2": "a b&c", "名": "你好~*'()"})
session.get(base + "/get?a=b", params={"c": "d/e?f"})
session.post(base + "/form", data={"user name": "张三", "x": "1+1=2&3", "empty": ""})
session.post(base + "/json", json={"name": "你好", "list": [1, None, 1.5]})
with open(folder + "/test.txt", "rb") as file:
    session.post(base + "/file", data={"title": "你好"}, files={"file": ("test.txt", file, "text/plain")})
session.put(base + "/put", data=b"\x00raw")
session.delete(base + "/delete")
session.head(base + "/head", allow_redirects=True)
session.post(base + "/empty")
session.get(base + "/auth", auth=("user", "pass:word"))
session.get(base + "/cookies/set")
session.get(base + "/cookies/later")
session.get(base + "/cookies/delete")
session.get(base + "/cookies/later")
for status in (301, 302, 303, 307, 308):
    session.post(base + "/go/%d" % status, data={"a": "b"})
    session.get(base + "/go/%d" % status)
    if status > 302:  # for 301 and 302 requests drops the body of PUT, which RFC 9110 section 15.4 reserves to POST
        session.put(base + "/go/%d" % status, data=b"x")

retry, pauses = Retry(total=8, backoff_factor=2), []
for _ in range(8):
    retry = retry.increment("GET", "/", error=None, response=None)
    pauses.append(retry.get_backoff_time())
told = {}
for text in ["7", "0", "120", "Sun Nov  6 08:49:37 1994", "Sunday, 06-Nov-94 08:49:37 GMT"]:
    told[text] = Retry().parse_retry_after(text)
wants = {}
retry = Retry(total=3, status_forcelist=[500])
for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH"]:
    for status in [200, 413, 429, 500, 502, 503]:
        for header in [False, True]:
            wants["%s %d %s" % (method, status, header)] = bool(retry.is_retry(method, status, header))
print(json.dumps({"pauses": pauses, "told": told, "wants": wants}))
