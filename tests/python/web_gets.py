"""What `requests` makes of each answer of the lab, printed as JSON; the test asks the same with our session."""
import json
import sys

import requests

base, folder = sys.argv[1], sys.argv[2]
session = requests.Session()
session.trust_env = False  # no proxy of the environment
seen = []


def keep(response):
    seen.append({
        "status": response.status_code,
        "url": response.url,
        "history": [[one.status_code, one.url] for one in response.history],
        "fields": {name.lower(): value for name, value in response.headers.items()},
        "text": response.text,
        "cookies": sorted([cookie.name, cookie.value] for cookie in session.cookies),
    })


for line in sys.stdin.read().splitlines():
    method, path = line.split(" ", 1)
    keep(session.request(method, base + path))
with open(folder + "/test.txt", "rb") as file:
    keep(session.post(base + "/post", data={"title": "你好"}, files={"file": ("test.txt", file, "text/plain")}))
keep(session.post(base + "/redirect-to?url=/anything&status_code=307", data={"a": "b"}))
keep(session.post(base + "/redirect-to?url=/anything&status_code=303", json={"a": "b"}))
print(json.dumps(seen))
