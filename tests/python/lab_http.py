"""The calls of the usual Python listing with only the host changed, and what they show; printed as JSON for the test."""
import json
import sys
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, build_opener, HTTPCookieProcessor, HTTPPasswordMgrWithDefaultRealm
from urllib.request import HTTPBasicAuthHandler, ProxyHandler, install_opener, urlopen

base = sys.argv[1]
install_opener(build_opener(ProxyHandler({})))  # no proxy stands between two programs of one machine
seen = {}


def ask(name, request):
    with urlopen(request, timeout=10) as response:
        body = response.read()
        seen[name] = {"status": response.status, "url": response.url, "headers": dict(response.headers)}
        try:
            seen[name]["body"] = body.decode(response.headers.get_content_charset() or "utf-8")
        except UnicodeDecodeError:
            seen[name]["body"] = list(body)


ask("page", base + "/")
data = urlencode({"key": "value", "name": "你好 & co"}).encode()
ask("post", Request(base + "/post", data=data))
ask("get", base + "/get?" + urlencode({"a": ["1", "2"], "b": "你"}, doseq=True))
ask("json", Request(base + "/post", data=json.dumps({"k": ["你好", 1]}).encode(), headers={"Content-Type": "application/json"}))
ask("put", Request(base + "/put", data=b"raw \xff", headers={"Content-Type": "application/octet-stream"}, method="PUT"))
ask("delete", Request(base + "/delete", method="DELETE"))
ask("redirect", base + "/redirect/3")
ask("chunked", base + "/chunked")
ask("close", base + "/close")
ask("drip", base + "/drip?numbytes=5&duration=0.05&delay=0")
ask("gbk", base + "/encoding/gbk")
ask("big5", base + "/encoding/big5")

opener = build_opener(ProxyHandler({}), HTTPCookieProcessor())
seen["cookies"] = json.loads(opener.open(base + "/cookies/set?name=value&second=2", timeout=10).read())
seen["cookies deleted"] = json.loads(opener.open(base + "/cookies/delete?second", timeout=10).read())
passwords = HTTPPasswordMgrWithDefaultRealm()
passwords.add_password(None, base, "user", "p w")
opener = build_opener(ProxyHandler({}), HTTPBasicAuthHandler(passwords))
seen["basic"] = json.loads(opener.open(base + "/basic-auth/user/p%20w", timeout=10).read())

for name, path, data in [("404", "/status/404", None), ("503", "/flaky?fail=1&key=u&after=3", None), ("413", "/post", b"a" * 3_000_000)]:
    try:
        urlopen(base + path, data=data, timeout=10)
    except HTTPError as error:
        seen[name] = {"status": error.code, "retry": error.headers["Retry-After"], "body": error.read().decode()}
for name in ["cut", "cut-chunked", "no-http"]:
    try:
        urlopen(base + "/wrong/" + name, timeout=10).read()
        seen[name] = "nothing noticed"
    except Exception as error:
        seen[name] = type(error).__name__
json.dump(seen, sys.stdout)
