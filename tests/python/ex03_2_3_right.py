"""Exercise 3.2.3 in Python: keeps a server's cookies, and shows them again."""
import http.client
import sys


def keep(jar, line):
    pair, *attributes = line.split(";")
    name, sign, value = (text.strip() for text in pair.partition("="))
    if not name or not sign:
        return
    over = False
    for attribute in attributes:
        key, _, age = attribute.partition("=")
        try:
            over = over or (key.strip().lower() == "max-age" and int(age) <= 0)
        except ValueError:
            pass  # what is no number says nothing
    if over:
        jar.pop(name, None)
    else:
        jar[name] = value


def ask(server):
    jar, page = {}, "/start"
    for _ in range(10):
        connection = http.client.HTTPConnection(server, timeout=5)
        fields = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
        connection.request("GET", page, headers=fields)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        if answer.status != 200:
            raise ValueError(f"the server answered {answer.status}")
        for line in answer.headers.get_all("Set-Cookie", []):
            keep(jar, line)
        if not body.startswith("/"):
            return body
        page = body
    raise ValueError("there is always one more page")


try:
    sys.stdout.write(ask(sys.argv[1]))
except (OSError, http.client.HTTPException, ValueError) as error:
    sys.exit(f"error: {error}")
