"""Exercise 3.2.3 in Python with the usual mistake: of several Set-Cookie in one answer it sees the first."""
import http.client
import sys

jar, page = {}, "/start"
while page.startswith("/"):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=5)
    fields = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
    connection.request("GET", page, headers=fields)
    answer = connection.getresponse()
    page = answer.read().decode()
    line = answer.headers["Set-Cookie"]
    if line is not None:
        name, _, value = line.partition(";")[0].partition("=")
        jar[name] = value
sys.stdout.write(page)
